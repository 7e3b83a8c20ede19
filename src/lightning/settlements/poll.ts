import type { Clock } from '../../ports/clock.ts'
import type { Settlement } from '../../ports/wallet.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { KnownInvoice, OpenInvoices } from '../open-invoices.ts'

export interface PollerOptions {
  readonly managed: ManagedWallet
  readonly invoices: OpenInvoices
  readonly take: (settlement: Settlement) => Promise<void>
  /** The wallet's stream tells of every payment, whatever happens. */
  readonly resumes: () => boolean
  readonly clock: Clock
  readonly lifetime: AbortSignal
}

/** Lookups in one round, so that a flood of challenges is no flood of lookups. */
const mostPerRound = 5
const firstWaitMs = { none: 2_000, lossy: 15_000 } as const
const longestWaitMs = 60_000
const growth = 1.6
/** A payment that was under way at the expiry is looked for until then. */
const lateMs = 90_000
const longestPauseMs = 60_000

/**
 * Looks up the open invoices of a wallet that does not reliably tell of payments, the most overdue first. An invoice
 * is looked up ever more seldom, and a last time when it has expired.
 */
export class Poller {
  readonly #options: PollerOptions
  /** When an invoice is due again, on the monotonic clock. */
  readonly #due = new Map<string, { atMs: number; waitMs: number }>()
  #pausedUntilMs = 0
  #pauseMs = 1_000

  constructor(options: PollerOptions) {
    this.#options = options
  }

  /** Makes the lookups that are due. Never rejects. */
  async round(): Promise<void> {
    const { managed, resumes, clock, lifetime } = this.#options
    const { capabilities } = managed.wallet
    if (!managed.started || !capabilities.lookup || resumes()) return
    if (clock.monotonicMs() < this.#pausedUntilMs) return
    const push = capabilities.push === 'none' ? 'none' : 'lossy'
    for (const invoice of this.#overdue(push)) {
      if (lifetime.aborted || !(await this.#look(invoice))) return
    }
  }

  #overdue(push: 'none' | 'lossy'): KnownInvoice[] {
    const nowMs = this.#options.clock.monotonicMs()
    const due: { invoice: KnownInvoice; atMs: number }[] = []
    const seen = new Set<string>()
    for (const invoice of this.#options.invoices.unpaid(this.#options.managed.name)) {
      const { paymentHash, issuedAtMs, expiresAtMs } = invoice
      if (nowMs > expiresAtMs + lateMs) continue
      seen.add(paymentHash)
      const atMs = this.#due.get(paymentHash)?.atMs ?? issuedAtMs + firstWaitMs[push]
      if (atMs <= nowMs) due.push({ invoice, atMs })
    }
    for (const paymentHash of this.#due.keys()) if (!seen.has(paymentHash)) this.#due.delete(paymentHash)
    due.sort((a, b) => a.atMs - b.atMs)
    return due.slice(0, mostPerRound).map(({ invoice }) => invoice)
  }

  /** @returns whether the wallet answered */
  async #look(invoice: KnownInvoice): Promise<boolean> {
    const { managed, clock, take, lifetime } = this.#options
    const { paymentHash, expiresAtMs } = invoice
    try {
      const found = await managed.lookup(invoice, lifetime)
      this.#pauseMs = 1_000
      if (found.state === 'settled') {
        this.#due.delete(paymentHash)
        await take(settlementOf(paymentHash, found, clock))
        return true
      }
      const nowMs = clock.monotonicMs()
      const waitMs = (this.#due.get(paymentHash)?.waitMs ?? 1_000) * growth
      const untilLastMs = expiresAtMs + 1_000 - nowMs
      const nextMs = untilLastMs > 0 ? Math.min(waitMs, longestWaitMs, untilLastMs) : longestWaitMs
      this.#due.set(paymentHash, { atMs: nowMs + nextMs, waitMs: Math.min(waitMs, longestWaitMs) })
      return true
    } catch {
      // The call has been counted; the wallet is given time.
      this.#pausedUntilMs = clock.monotonicMs() + this.#pauseMs
      this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2)
      return false
    }
  }
}

/** A lookup's answer as the settlement that it tells of. */
export function settlementOf(
  paymentHash: string,
  found: { readonly receivedMsat?: bigint; readonly settledAtMs?: number },
  clock: Pick<Clock, 'nowMs'>,
): Settlement {
  const { receivedMsat, settledAtMs } = found
  return {
    paymentHash,
    settledAtMs: settledAtMs ?? clock.nowMs(),
    ...(receivedMsat !== undefined && { receivedMsat }),
  }
}
