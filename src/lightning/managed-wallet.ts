import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../ports/clock.ts'
import { canHold } from '../ports/hold-wallet.ts'
import type { Order } from '../ports/issuer.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type Wallet,
  WalletError,
} from '../ports/wallet.ts'
import type { WalletEvents } from '../telemetry/wallet-events.ts'
import { Breaker } from './breaker.ts'
import { checkIssued } from './check-issued.ts'
import { withinDeadline } from './deadline.ts'
import { MintBudget } from './mint-budget.ts'
import { networkName } from './network-name.ts'

export interface ManagedWalletOptions {
  readonly wallet: Wallet
  readonly clock: Clock
  readonly events: WalletEvents
  /** Instead of what the wallet says of itself. */
  readonly mintPerMinute?: number | undefined
  /** Refuse a wallet that could not tell whether a payment has settled. */
  readonly requireSettled: boolean
  /** 0 to 1. */
  readonly random: () => number
}

const retryDelayMs = 50
const retrySpreadMs = 150
const lookupTimeoutMs = 5_000

/** A wallet with what protects it, and us from it: deadlines, one retry, a breaker, a budget, a check of what it issues. */
export class ManagedWallet {
  readonly wallet: Wallet
  readonly breaker: Breaker
  readonly #options: ManagedWalletOptions
  readonly #ready = Promise.withResolvers<void>()
  #budget: MintBudget | undefined
  #started = false
  #lastFailure = ''

  constructor(options: ManagedWalletOptions) {
    const { wallet, clock, events, random } = options
    this.#options = options
    this.wallet = wallet
    this.breaker = new Breaker({
      clock,
      random,
      onOpen: (forMs) => events.walletChanged(wallet.name, { kind: 'paused', reason: this.#lastFailure, forMs }),
      onClose: () => events.walletChanged(wallet.name, { kind: 'resumed' }),
    })
  }

  get name(): string {
    return this.wallet.name
  }

  get started(): boolean {
    return this.#started
  }

  /** Resolves when the wallet has started; never, when it never does. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** @throws WalletError */
  async start(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { wallet, clock, events, requireSettled } = this.#options
    await withinDeadline(timeoutMs, signal, (deadline) => wallet.start(deadline))
    const { capabilities } = wallet
    const tells = capabilities.lookup || capabilities.push === 'resumable'
    if (!tells && (requireSettled || !capabilities.preimagePrivate)) {
      throw new WalletError(
        'rejected',
        requireSettled
          ? `The wallet ${wallet.name} cannot tell whether a payment has settled, which \`require_settled\` needs; take that setting away, or use another wallet.`
          : `The wallet ${wallet.name} shows unpaid preimages to others and cannot tell whether a payment has settled, so nothing can be sold with it; use another wallet.`,
      )
    }
    const perMinute = this.#options.mintPerMinute ?? capabilities.mintPerMinute
    this.#budget = perMinute === undefined ? undefined : new MintBudget(perMinute, clock)
    this.#started = true
    const { unitMsat } = capabilities
    const network = networkName(capabilities.network)
    events.walletChanged(wallet.name, { kind: 'ready', walletKind: wallet.kind, network, unitMsat })
    this.#ready.resolve()
  }

  /** The amount as this wallet can ask for it, rounded up. */
  rounded(amountMsat: bigint): bigint {
    const { unitMsat } = this.wallet.capabilities
    return ((amountMsat + unitMsat - 1n) / unitMsat) * unitMsat
  }

  /** Whether this wallet could ever ask for the amount. */
  takes(amountMsat: bigint): boolean {
    const { maxMsat } = this.wallet.capabilities
    return maxMsat === undefined || this.rounded(amountMsat) <= maxMsat
  }

  /** How long this wallet cannot be asked for an invoice; 0: it can now. */
  waitMs(): number {
    if (!this.#started) return 5_000
    return Math.max(this.breaker.waitMs(), this.#budget?.waitMs() ?? 0)
  }

  /**
   * Makes an invoice of the rounded amount and checks it. What may have failed on the way is tried once more, under the
   * same key.
   * @param timeoutMs for all of it
   * @throws WalletError
   */
  async issue(order: Order, timeoutMs: number, signal: AbortSignal): Promise<IssuedInvoice> {
    const { clock, random } = this.#options
    const begunMs = clock.monotonicMs()
    try {
      return await this.#create(order, timeoutMs, signal)
    } catch (thrown) {
      const leftMs = timeoutMs - (clock.monotonicMs() - begunMs) - retryDelayMs - retrySpreadMs
      if (!isPassing(thrown) || leftMs < timeoutMs / 2 || this.waitMs() > 0) throw thrown
      await sleep(retryDelayMs + random() * retrySpreadMs, undefined, { signal }).catch(() => undefined)
      return await this.#create(order, leftMs, signal)
    }
  }

  /** @throws WalletError */
  async lookup(invoice: Pick<IssuedInvoice, 'paymentHash' | 'ref'>, signal: AbortSignal): Promise<InvoiceState> {
    if (!this.#started) throw new WalletError('unavailable', `The wallet ${this.name} has not started.`)
    return await this.#timed('lookup', () =>
      withinDeadline(lookupTimeoutMs, signal, (deadline) => this.wallet.lookup(invoice, deadline)),
    )
  }

  async #create(order: Order, timeoutMs: number, signal: AbortSignal): Promise<IssuedInvoice> {
    const { clock } = this.#options
    if (this.breaker.waitMs() > 0)
      throw new WalletError('unavailable', `The wallet ${this.name} is left alone for now.`)
    if (this.#budget?.take() === false) {
      throw new WalletError('rate_limited', `The wallet ${this.name} has made as many invoices as it may this minute.`)
    }
    if (!this.breaker.enter()) throw new WalletError('unavailable', `The wallet ${this.name} is being tried.`)
    const { description, expirySeconds, idempotencyKey } = order
    const request = { amountMsat: this.rounded(order.amountMsat), description, expirySeconds, idempotencyKey }
    try {
      const issued = await this.#timed('create', async () => {
        const made = await withinDeadline(timeoutMs, signal, (deadline) => this.#ask(request, order, deadline))
        const { network } = this.wallet.capabilities
        if (order.hold && made.paymentHash !== order.hold.paymentHash)
          throw new WalletError('protocol', `The wallet ${this.name} made an invoice for another payment hash.`)
        const { expiresAt } = checkIssued(made, request, { network, nowMs: clock.nowMs() })
        return { ...made, expiresAt }
      })
      this.breaker.succeeded()
      return issued
    } catch (thrown) {
      this.#judge(thrown, signal)
      throw thrown
    }
  }

  #ask(request: InvoiceRequest, { hold }: Order, deadline: AbortSignal): Promise<IssuedInvoice> {
    if (!hold) return this.wallet.createInvoice(request, deadline)
    if (canHold(this.wallet)) return this.wallet.createHoldInvoice({ ...request, ...hold }, deadline)
    throw new WalletError('rejected', `The wallet ${this.name} cannot hold a payment.`)
  }

  #judge(thrown: unknown, signal: AbortSignal): void {
    const error = thrown instanceof WalletError ? thrown : undefined
    // An amount it cannot take says nothing about the next; neither does a caller who would not wait.
    if (error?.code === 'bad_amount' || (signal.aborted && error?.code !== 'timeout')) {
      this.breaker.withdrawn()
      return
    }
    this.#lastFailure = error?.message ?? 'The call to the wallet failed.'
    const certain = error?.code === 'unauthorized' || error?.code === 'rate_limited'
    this.breaker.failed({ certain, retryAfterMs: error?.retryAfterMs })
  }

  async #timed<T>(operation: 'create' | 'lookup', call: () => Promise<T>): Promise<T> {
    const { clock, events } = this.#options
    const begunMs = clock.monotonicMs()
    let outcome = 'ok'
    try {
      return await call()
    } catch (thrown) {
      outcome = thrown instanceof WalletError ? thrown.code : 'unavailable'
      throw thrown
    } finally {
      events.walletCalled(this.name, operation, outcome, clock.monotonicMs() - begunMs)
    }
  }
}

/** A connection that broke may be there again; a wallet that says no will say it again. */
const isPassing = (thrown: unknown): boolean => thrown instanceof WalletError && thrown.code === 'unavailable'
