/** Why a payment was let go. */
export type CancelReason = 'refused' | 'failed' | 'not_begun' | 'not_deliverable' | 'lost'

/** What happens to payments that are held; no argument tells whose they are. */
export interface HoldEvents {
  /** @param waitedMs from the payment being locked in */
  heldEnded(
    service: string,
    end:
      | { readonly kind: 'settled'; readonly by: 'result' | 'patience' }
      | { readonly kind: 'cancelled'; readonly reason: CancelReason },
    waitedMs: number,
  ): void
  heldAccepted(service: string): void
}
