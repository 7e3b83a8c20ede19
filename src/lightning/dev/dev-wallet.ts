import { EventEmitter, once } from 'node:events'
import { maxAmountMsat } from '../../bolt11/amount.ts'
import { decodeInvoice, type VerifiedInvoice } from '../../bolt11/decode.ts'
import { encodeInvoice, type NewInvoice } from '../../bolt11/encode.ts'
import { InvoiceError } from '../../bolt11/invoice-error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { HoldInvoiceRequest, HoldState, HoldWallet } from '../../ports/hold-wallet.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type PayingWallet,
  type Settlement,
  type WalletCapabilities,
  WalletError,
  type WalletHealth,
} from '../../ports/wallet.ts'
import { DevHolds } from './dev-holds.ts'
import { deriveNodeKey, deriveNonce, deriveSecrets, type NodeKey, readNonce } from './derivation.ts'
import { decodeInvoiceRef, encodeInvoiceRef } from './invoice-ref.ts'
import { openPaymentFile, type PaymentFile, type RecordedPayment } from './payment-file.ts'

export interface DevWalletSetup {
  readonly name: string
  /**
   * Made where there is none, as is `…-holds` beside it; its folder must exist. Whoever can read it can pay every invoice
   * for nothing.
   */
  readonly file: string
  readonly clock: Clock
}

const settlementsPerRead = 100
const unusedHash = '0'.repeat(64)

/**
 * Opens the wallet for development: real signed `lnbcrt…` invoices, no real money. `pay` stands in for the Lightning
 * network. Making an invoice writes nothing; paying one is written down before the preimage is given out.
 *
 * The same idempotency key, amount and description give the same payment hash, however often and after any restart;
 * time and expiry in the invoice are those of the call. Once that hash is paid, `pay` refuses all of them.
 * @throws WalletError `unavailable` when the file cannot be opened
 */
export function openDevWallet(setup: DevWalletSetup): PayingWallet & HoldWallet {
  return new DevWallet(setup)
}

class DevWallet implements PayingWallet, HoldWallet {
  readonly name: string
  readonly kind = 'dev'
  readonly capabilities: WalletCapabilities = {
    unitMsat: 1n,
    maxMsat: maxAmountMsat,
    network: 'bcrt',
    lookup: true,
    push: 'resumable',
    preimagePrivate: true,
  }
  readonly #clock: Clock
  readonly #payments: PaymentFile
  readonly #holds: DevHolds
  readonly #nodeKey: NodeKey
  readonly #wake = new EventEmitter<{ change: [] }>()
  #closed = false

  constructor({ name, file, clock }: DevWalletSetup) {
    this.name = name
    this.#clock = clock
    this.#payments = openPaymentFile(file)
    this.#holds = new DevHolds(file.replace(/(\.[a-z]+)?$/, '-holds$1'), ({ paymentHash, amountMsat }) => {
      this.#payments.record({ paymentHash, amountMsat, settledAtMs: clock.nowMs() })
      this.#wake.emit('change')
    })
    this.#nodeKey = deriveNodeKey(this.#payments.seed)
    // One listener for each stream of settlements, of which there may be any number.
    this.#wake.setMaxListeners(0)
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#checkUsable(signal)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    this.#checkUsable(signal)
    const { amountMsat, description, expirySeconds } = request
    const timestamp = Math.floor(this.#clock.nowMs() / 1000)
    const expiresAt = timestamp + expirySeconds
    const nonce = deriveNonce(this.#payments.seed, request)
    const { paymentHash, paymentSecret } = deriveSecrets(this.#payments.seed, nonce)
    const bolt11 = encodeOrReject(
      { network: 'bcrt', amountMsat, description, paymentHash, paymentSecret, timestamp, expirySeconds },
      this.#nodeKey.secretKey,
    )
    return { paymentHash, bolt11, amountMsat, expiresAt, ref: encodeInvoiceRef({ nonce, expiresAt }) }
  }

  /** Unlike an ordinary invoice it is written down. */
  async createHoldInvoice(request: HoldInvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    this.#checkUsable(signal)
    const { amountMsat, description, expirySeconds, paymentHash, cltvExpiryBlocks } = request
    const timestamp = Math.floor(this.#clock.nowMs() / 1000)
    const { paymentSecret } = deriveSecrets(this.#payments.seed, deriveNonce(this.#payments.seed, request))
    const terms = { network: 'bcrt', amountMsat, description, paymentHash, paymentSecret, timestamp } as const
    const bolt11 = encodeOrReject(
      { ...terms, expirySeconds, minFinalCltvExpiry: cltvExpiryBlocks },
      this.#nodeKey.secretKey,
    )
    const hold = this.#holds.open({ paymentHash, bolt11, amountMsat, expiresAt: timestamp + expirySeconds })
    return {
      paymentHash,
      bolt11: hold.bolt11,
      amountMsat: hold.amountMsat,
      expiresAt: hold.expiresAt,
      ref: paymentHash,
    }
  }

  async lookupHold(paymentHash: string, signal: AbortSignal): Promise<HoldState> {
    this.#checkUsable(signal)
    return this.#holds.state(paymentHash)
  }

  holdStates(paymentHash: string, signal: AbortSignal): AsyncIterable<HoldState> {
    return this.#holds.states(paymentHash, signal)
  }

  async settleHold(paymentHash: string, preimage: string, signal: AbortSignal): Promise<void> {
    this.#checkUsable(signal)
    this.#holds.settle(paymentHash, preimage)
  }

  async cancelHold(paymentHash: string, signal: AbortSignal): Promise<void> {
    this.#checkUsable(signal)
    this.#holds.cancel(paymentHash)
  }

  /** `open` and `expired` need the `ref`; with the bare hash in its place an unpaid invoice is `unknown`. */
  async lookup(invoice: Pick<IssuedInvoice, 'paymentHash' | 'ref'>, signal: AbortSignal): Promise<InvoiceState> {
    this.#checkUsable(signal)
    const payment = this.#payments.find(invoice.paymentHash)
    if (payment) return { state: 'settled', receivedMsat: payment.amountMsat, settledAtMs: payment.settledAtMs }
    const ref = decodeInvoiceRef(invoice.ref)
    if (!ref || deriveSecrets(this.#payments.seed, ref.nonce).paymentHash !== invoice.paymentHash) {
      return { state: 'unknown' }
    }
    return { state: this.#hasPassed(ref.expiresAt) ? 'expired' : 'open' }
  }

  /**
   * Ends when the signal aborts or the wallet is closed. Without a cursor it begins with the first payment. It waits for
   * payments made through this wallet object; those another process writes to the file come with the next one of ours.
   */
  async *settlements(cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    let settledUpTo = readCursor(cursor)
    while (!this.#closed && !signal.aborted) {
      const payments = this.#payments.after(settledUpTo, settlementsPerRead)
      for (const payment of payments) {
        if (signal.aborted) return
        yield toSettlement(payment)
        settledUpTo = payment.settleIndex
      }
      // No payment can come between the read and the wait: both happen before anything else runs.
      if (payments.length === 0) await this.#changed(signal)
    }
  }

  async pay(bolt11: string, signal: AbortSignal): Promise<string> {
    this.#checkUsable(signal)
    const decoded = verifyOrReject(bolt11)
    const isHold = this.#holds.find(decoded.paymentHash)?.bolt11 === bolt11.toLowerCase()
    if (isHold) return await this.#holds.pay(decoded.paymentHash, this.#clock.nowMs(), signal)
    const { paymentHash, preimage, amountMsat, expiresAt } = this.#readOwn(decoded)
    // Who paid in time and asks again late should not be told to pay another invoice.
    if (this.#hasPassed(expiresAt) && !this.#payments.find(paymentHash)) {
      const at = new Date(expiresAt * 1000).toISOString()
      throw rejected(`The invoice expired at ${at}; ask the seller for a new one.`)
    }
    const outcome = this.#payments.record({ paymentHash, amountMsat, settledAtMs: this.#clock.nowMs() })
    if (outcome === 'already_paid') {
      throw rejected(
        'The invoice was paid before, and its preimage is given out only once; ask the seller for a new one.',
      )
    }
    this.#wake.emit('change')
    return preimage
  }

  async health(signal: AbortSignal): Promise<WalletHealth> {
    const startMs = this.#clock.monotonicMs()
    const report = (ok: boolean, detail: string): WalletHealth => {
      return { ok, detail, latencyMs: this.#clock.monotonicMs() - startMs, warnings: [] }
    }
    try {
      this.#checkUsable(signal)
      this.#payments.find(unusedHash)
      return report(true, 'The development wallet takes no real money.')
    } catch (thrown) {
      if (thrown instanceof WalletError) return report(false, thrown.message)
      throw thrown
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#wake.emit('change')
    this.#holds[Symbol.dispose]()
    this.#payments[Symbol.dispose]()
  }

  /** @throws WalletError `rejected` unless this wallet made and signed the invoice */
  #readOwn(invoice: VerifiedInvoice): { paymentHash: string; preimage: string; amountMsat: bigint; expiresAt: number } {
    const { paymentHash, paymentSecret, payee, amountMsat, expiresAt } = invoice
    const nonce = readNonce(this.#payments.seed, paymentSecret)
    const secrets = nonce && deriveSecrets(this.#payments.seed, nonce)
    const own = payee === this.#nodeKey.nodeId && secrets?.paymentHash === paymentHash
    if (!own || amountMsat === undefined) {
      throw rejected('The development wallet pays only invoices that it made itself; this one is from somewhere else.')
    }
    return { paymentHash, preimage: secrets.preimage, amountMsat, expiresAt }
  }

  #hasPassed(unixSeconds: number): boolean {
    return this.#clock.nowMs() >= unixSeconds * 1000
  }

  async #changed(signal: AbortSignal): Promise<void> {
    try {
      await once(this.#wake, 'change', { signal })
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }

  #checkUsable(signal: AbortSignal): void {
    if (this.#closed) throw new WalletError('unavailable', 'The development wallet is closed.')
    if (signal.aborted) {
      throw new WalletError('timeout', 'The time for the development wallet to answer was over before it began.', {
        cause: signal.reason,
      })
    }
  }
}

function encodeOrReject(invoice: NewInvoice, secretKey: Uint8Array): string {
  try {
    return encodeInvoice(invoice, secretKey)
  } catch (thrown) {
    if (!(thrown instanceof InvoiceError)) throw thrown
    throw new WalletError(thrown.code === 'bad_amount' ? 'bad_amount' : 'rejected', thrown.message, { cause: thrown })
  }
}

function verifyOrReject(bolt11: string): VerifiedInvoice {
  try {
    return decodeInvoice(bolt11, { signature: 'verify' })
  } catch (thrown) {
    if (!(thrown instanceof InvoiceError)) throw thrown
    throw rejected(`The invoice cannot be paid. ${thrown.message}`, thrown)
  }
}

function readCursor(cursor: string | undefined): bigint {
  if (cursor === undefined) return 0n
  if (!/^[0-9]{1,18}$/.test(cursor)) {
    throw new WalletError('protocol', 'The place to resume the settlements is not one this wallet gave out.')
  }
  return BigInt(cursor)
}

function toSettlement({ paymentHash, amountMsat, settledAtMs, settleIndex }: RecordedPayment): Settlement {
  return { paymentHash, receivedMsat: amountMsat, settledAtMs, cursor: String(settleIndex) }
}

const rejected = (message: string, cause?: unknown): WalletError => new WalletError('rejected', message, { cause })
