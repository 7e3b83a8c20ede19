import { type Books, type UnconfirmedPayment, unknownWallet } from '../../ports/books.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Settlement } from '../../ports/wallet.ts'
import type { WalletEvents } from '../../telemetry/wallet-events.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { OpenInvoices } from '../open-invoices.ts'
import { findSettlement } from './find.ts'
import { settlementOf } from './poll.ts'

export interface UnconfirmedOptions {
  readonly books: Books
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly take: (wallet: string, settlement: Settlement) => Promise<void>
  readonly events: Pick<WalletEvents, 'settlementMissing'>
  readonly clock: Clock
  readonly lifetime: AbortSignal
}

interface Question extends UnconfirmedPayment {
  askedTimes: number
  nextAtMs: number
}

const perRead = 100
const perRound = 10
/** More than this many at once are left to `turnpike reconcile`. */
const mostOpen = 10_000
const firstWaitMs = 5_000
const longestWaitMs = 10 * 60_000
/** After this many answers of every wallet that it has received nothing, that is the answer. */
const answersToBelieve = 4
const attemptsAtMost = 30

/**
 * Payments that were redeemed by their preimage while no wallet had told of them: settled while nobody listened, or
 * made by an earlier process that has forgotten which wallet it asked. The wallets are asked, and the answer puts the
 * payment's wallet right.
 */
export class Unconfirmed {
  readonly #options: UnconfirmedOptions
  readonly #questions = new Map<string, Question>()
  #readThrough = 0

  constructor(options: UnconfirmedOptions) {
    this.#options = options
  }

  /** @throws LedgerError */
  async round(): Promise<void> {
    await this.#read()
    const nowMs = this.#options.clock.monotonicMs()
    const due = [...this.#questions.values()].filter(({ nextAtMs }) => nextAtMs <= nowMs).slice(0, perRound)
    for (const question of due) await this.#ask(question)
  }

  async #read(): Promise<void> {
    if (this.#questions.size >= mostOpen) return
    const { books, clock } = this.#options
    const payments = await books.unconfirmed(this.#readThrough, perRead)
    for (const payment of payments) {
      this.#readThrough = payment.number
      if (!this.#canBeAsked(payment.wallet)) continue
      const nextAtMs = clock.monotonicMs() + firstWaitMs
      this.#questions.set(payment.paymentHash, { ...payment, askedTimes: 0, nextAtMs })
    }
  }

  #canBeAsked(wallet: string): boolean {
    return this.#options.wallets.some(
      ({ name, wallet: { capabilities } }) => capabilities.lookup && (wallet === unknownWallet || wallet === name),
    )
  }

  async #ask(question: Question): Promise<void> {
    const { books, take, events, clock, lifetime } = this.#options
    const { paymentHash, wallet } = question
    if ((await books.settledWith(paymentHash)) !== undefined) {
      this.#questions.delete(paymentHash)
      return
    }
    const found = await findSettlement(this.#options, paymentHash, wallet, lifetime)
    if (lifetime.aborted) return
    question.askedTimes++
    question.nextAtMs = clock.monotonicMs() + Math.min(longestWaitMs, firstWaitMs * 2 ** question.askedTimes)
    if (found.kind === 'settled') {
      this.#questions.delete(paymentHash)
      await take(found.wallet, settlementOf(paymentHash, found.state, clock))
    } else if (found.kind === 'not_settled' && question.askedTimes >= answersToBelieve) {
      this.#questions.delete(paymentHash)
      events.settlementMissing(wallet)
    } else if (question.askedTimes >= attemptsAtMost) this.#questions.delete(paymentHash)
  }
}
