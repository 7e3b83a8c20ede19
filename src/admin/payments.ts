import type { Gateway } from '../gateway/gateway.ts'
import type { JobState, OperatorOutcome, PaymentRecord } from '../ports/ledger.ts'

/** What the operator may say about one payment. Everything may be said twice. */
export interface PaymentCommands {
  revoke(reference: string): Promise<CommandAnswer>
  markRefunded(reference: string, note: string): Promise<CommandAnswer>
  /** @param forMs how long it is honoured from now; undefined: as long as a new token */
  reopen(reference: string, forMs: number | undefined): Promise<CommandAnswer>
}

export type CommandAnswer =
  | { readonly kind: 'done' | 'already'; readonly text: string; readonly payment?: PaymentSummary }
  | { readonly kind: 'unknown' | 'refused'; readonly text: string }

export interface PaymentSummary {
  readonly reference: string
  readonly service: string
  readonly sats: number
  readonly payment: string
  readonly job: JobState
}

export type CommandsNeed = Pick<Gateway, 'ledger' | 'clock' | 'deliveries' | 'events' | 'settings'>

/** @param gateway gives today’s, since settings change */
export function createPaymentCommands(gateway: () => CommandsNeed): PaymentCommands {
  return {
    async revoke(reference) {
      const { ledger, clock, events } = gateway()
      const found = await ledger.find(reference)
      const paymentHash = found?.paymentHash ?? (isHash(reference) ? reference : undefined)
      if (paymentHash === undefined) return noSuch(reference)
      const outcome = await ledger.revoke(paymentHash, clock.nowMs())
      switch (outcome.kind) {
        case 'unknown':
          events.commanded('revoke', undefined)
          return { kind: 'done', text: 'no payment was presented under this hash yet; it will be refused when it is' }
        case 'standing':
          return { kind: 'refused', text: `the payment is ${outcome.record.state} and stays so` }
        case 'already':
          return { kind: 'already', text: 'it was revoked before', payment: summaryOf(outcome.record) }
        case 'done':
          events.commanded('revoke', outcome.record.job.id)
          return { kind: 'done', text: revokedText(outcome.record), payment: summaryOf(outcome.record) }
      }
    },

    async markRefunded(reference, note) {
      const { ledger, clock, deliveries, events } = gateway()
      const found = await ledger.find(reference)
      if (!found) return noSuch(reference)
      // The result of a revoked payment is served no more, but a buyer who was let in before may still be reading it.
      if (found.state === 'revoked' && found.job.state === 'captured' && deliveries.mayBeUnderWay(found.paymentHash)) {
        return { kind: 'refused', text: 'its result is being delivered at this moment; look again when that has ended' }
      }
      const outcome = await ledger.closeRefund(found.paymentHash, note, clock.nowMs())
      if (outcome.kind === 'done') events.commanded('refund', outcome.record.job.id)
      return answerOf(outcome, reference, {
        done: 'noted as refunded; its token is worth nothing from now on',
        already: 'it was noted as refunded before',
      })
    },

    async reopen(reference, forMs) {
      const { ledger, clock, events, settings } = gateway()
      const found = await ledger.find(reference)
      if (!found) return noSuch(reference)
      const untilMs = clock.nowMs() + (forMs ?? settings.tokenTtlMs)
      const outcome = await ledger.reopen(found.paymentHash, clock.nowMs(), untilMs)
      if (outcome.kind === 'done') events.commanded('reopen', outcome.record.job.id)
      return answerOf(outcome, reference, {
        done: `open for new attempts until ${new Date(untilMs).toISOString()}: the buyer sends the same request with the same token`,
        already: '',
      })
    },
  }
}

const isHash = (reference: string): boolean => /^[0-9a-f]{64}$/.test(reference)

const noSuch = (reference: string): CommandAnswer => ({
  kind: 'unknown',
  text: `the ledger knows no payment ${reference}; give the reference that the buyer was shown, or the payment hash`,
})

function answerOf(
  outcome: OperatorOutcome,
  reference: string,
  texts: { readonly done: string; readonly already: string },
): CommandAnswer {
  switch (outcome.kind) {
    case 'unknown':
      return noSuch(reference)
    case 'standing':
      return { kind: 'refused', text: whyNot(outcome.record) }
    case 'done':
    case 'already':
      return { kind: outcome.kind, text: texts[outcome.kind], payment: summaryOf(outcome.record) }
  }
}

function whyNot({ state, job, refund }: PaymentRecord): string {
  if (state === 'refunded') {
    return `it was refunded on ${new Date(refund?.closedAtMs ?? 0).toISOString()}; nobody gets both money and result`
  }
  if (job.state === 'captured' && state === 'settled') {
    return 'its result is stored and paid for; to give the money back all the same, revoke it first'
  }
  if (job.state === 'captured') return 'its result was delivered before it was revoked'
  if (state === 'revoked') return 'it was revoked, which nothing undoes; give the money back and mark it'
  if (job.state === 'running') return 'a run is under way for it; wait for its end, or revoke it'
  return `the payment is ${state}`
}

function revokedText({ job }: PaymentRecord): string {
  if (job.state === 'captured' && job.firstDeliveredAtMs !== undefined)
    return 'revoked; its result had been delivered, so nothing is owed'
  return 'revoked; it gave no result, so the money is owed: see `turnpike refunds`'
}

const summaryOf = ({ service, state, priceMsat, job }: PaymentRecord): PaymentSummary => ({
  reference: job.id,
  service,
  sats: Number(priceMsat) / 1000,
  payment: state,
  job: job.state,
})
