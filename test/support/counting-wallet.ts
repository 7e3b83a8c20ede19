import { join } from 'node:path'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import type { Clock } from '#src/ports/clock.ts'
import type { HoldInvoiceRequest, HoldState, HoldWallet } from '#src/ports/hold-wallet.ts'
import type { InvoiceRequest, IssuedInvoice, PayingWallet, Settlement } from '#src/ports/wallet.ts'

async function* noSettlements(): AsyncGenerator<Settlement, void, void> {}

/** The development wallet, watched: how often it was asked, and what it should do instead of answering. */
export class CountingWallet implements PayingWallet, HoldWallet {
  readonly #wallet: PayingWallet & HoldWallet
  /** What was told about held payments, in order. */
  readonly told: string[] = []
  /** Whose payments that was about. */
  readonly toldOf: string[] = []
  /** Runs before each such call, and may throw. */
  beforeTelling: ((what: 'settle' | 'cancel', paymentHash: string) => Promise<void>) | undefined
  /** Runs after each such call that went well, and may throw. */
  afterTelling: ((what: 'settle' | 'cancel') => Promise<void>) | undefined
  /** Replaces what it says of a held payment when asked, where it says anything. */
  saysOfHold: ((paymentHash: string) => HoldState | undefined) | undefined
  /** Comes before what it tells of a held payment by itself. */
  tellsFirst: readonly HoldState[] = []
  /** Every invoice that was asked for. */
  readonly asked: InvoiceRequest[] = []
  /** Replaces the answer while it is set. */
  instead: ((request: InvoiceRequest, signal: AbortSignal) => Promise<IssuedInvoice>) | undefined

  constructor(dataDir: string, clock: Clock) {
    this.#wallet = openDevWallet({ name: 'dev', file: join(dataDir, 'dev-wallet.sqlite'), clock })
  }

  get name() {
    return this.#wallet.name
  }

  get kind() {
    return this.#wallet.kind
  }

  get capabilities() {
    return this.#wallet.capabilities
  }

  start(signal: AbortSignal) {
    return this.#wallet.start(signal)
  }

  createInvoice(request: InvoiceRequest, signal: AbortSignal) {
    this.asked.push(request)
    return this.instead ? this.instead(request, signal) : this.#wallet.createInvoice(request, signal)
  }

  createHoldInvoice(request: HoldInvoiceRequest, signal: AbortSignal) {
    this.asked.push(request)
    return this.#wallet.createHoldInvoice(request, signal)
  }

  async lookupHold(paymentHash: string, signal: AbortSignal) {
    return this.saysOfHold?.(paymentHash) ?? (await this.#wallet.lookupHold(paymentHash, signal))
  }

  async *holdStates(paymentHash: string, signal: AbortSignal) {
    yield* this.tellsFirst
    yield* this.#wallet.holdStates(paymentHash, signal)
  }

  /** The wallet itself, as another program on the same node has it. */
  get node(): Pick<HoldWallet, 'createHoldInvoice' | 'lookupHold' | 'settleHold' | 'cancelHold'> {
    return this.#wallet
  }

  async settleHold(paymentHash: string, preimage: string, signal: AbortSignal) {
    this.told.push('settle')
    this.toldOf.push(paymentHash)
    await this.beforeTelling?.('settle', paymentHash)
    await this.#wallet.settleHold(paymentHash, preimage, signal)
    await this.afterTelling?.('settle')
  }

  async cancelHold(paymentHash: string, signal: AbortSignal) {
    this.told.push('cancel')
    this.toldOf.push(paymentHash)
    await this.beforeTelling?.('cancel', paymentHash)
    await this.#wallet.cancelHold(paymentHash, signal)
    await this.afterTelling?.('cancel')
  }

  lookup(...args: Parameters<PayingWallet['lookup']>) {
    return this.#wallet.lookup(...args)
  }

  settlements(cursor: string | undefined, signal: AbortSignal) {
    return this.#wallet.settlements?.(cursor, signal) ?? noSettlements()
  }

  health(signal: AbortSignal) {
    return this.#wallet.health(signal)
  }

  pay(bolt11: string, signal: AbortSignal = AbortSignal.timeout(5_000)) {
    return this.#wallet.pay(bolt11, signal)
  }

  [Symbol.asyncDispose]() {
    return this.#wallet[Symbol.asyncDispose]()
  }
}
