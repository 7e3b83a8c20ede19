import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import { type Clock, systemClock } from '#src/ports/clock.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type PayingWallet,
  type Settlement,
  type WalletCapabilities,
  WalletError,
  type WalletErrorCode,
  type WalletHealth,
} from '#src/ports/wallet.ts'

export interface ScriptedWalletOptions extends Partial<WalletCapabilities> {
  readonly clock?: Clock
  readonly kind?: string
  /** Finds an invoice by what it was given with it alone, not by its payment hash. */
  readonly needsRef?: boolean
}

interface Made {
  readonly amountMsat: bigint
  readonly preimage: string
}

const key = createHash('sha256').update('scripted wallet').digest()

/**
 * A wallet that does as the test says: real signed invoices and a memory of its own, which outlives any gateway it is
 * given to, like a node does.
 */
export class ScriptedWallet implements PayingWallet {
  readonly name: string
  readonly kind: string
  readonly capabilities: WalletCapabilities
  /** Every invoice that was asked for. */
  readonly asked: InvoiceRequest[] = []
  /** Every payment hash that was looked up. */
  readonly lookedUp: string[] = []
  /** What it does when asked for an invoice. */
  creates: 'well' | 'hangs' | WalletErrorCode | ((request: InvoiceRequest, made: IssuedInvoice) => IssuedInvoice) =
    'well'
  /** What it does when asked for a payment. `blind`: it does not know of payments yet. */
  looksUp: 'well' | 'blind' | 'hangs' | WalletErrorCode = 'well'
  starts: 'well' | WalletErrorCode = 'well'
  /** How long its invoices can be paid, whatever it is asked for. */
  expirySeconds: number | undefined
  /** Whether streams tell of payments. */
  streams = true
  warnings: string[] = []
  readonly #clock: Clock
  readonly #needsRef: boolean
  readonly #made = new Map<string, Made>()
  readonly #paid: Settlement[] = []
  readonly #changes = new EventEmitter()

  constructor(
    name: string,
    { clock = systemClock, kind = 'scripted', needsRef = false, ...capabilities }: ScriptedWalletOptions = {},
  ) {
    this.name = name
    this.kind = kind
    this.#clock = clock
    this.#needsRef = needsRef
    this.#changes.setMaxListeners(0)
    const usual = { unitMsat: 1n, network: 'bcrt', lookup: true, push: 'resumable', preimagePrivate: true } as const
    this.capabilities = { ...usual, ...capabilities }
  }

  async start(): Promise<void> {
    if (this.starts !== 'well') throw new WalletError(this.starts, `${this.name} cannot start.`)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    this.asked.push(request)
    const { creates } = this
    if (creates === 'hangs') return await forever(signal)
    if (creates !== 'well' && typeof creates === 'string')
      throw new WalletError(creates, `${this.name} says ${creates}.`)
    const preimage = randomBytes(32)
    const paymentHash = createHash('sha256').update(preimage).digest('hex')
    const timestamp = Math.floor(this.#clock.nowMs() / 1000)
    const { amountMsat, description } = request
    const expirySeconds = this.expirySeconds ?? request.expirySeconds
    const paymentSecret = randomBytes(32).toString('hex')
    const network = this.capabilities.network ?? 'bcrt'
    const bolt11 = encodeInvoice(
      { network, amountMsat, description, paymentHash, paymentSecret, timestamp, expirySeconds },
      key,
    )
    this.#made.set(paymentHash, { amountMsat, preimage: preimage.toString('hex') })
    const made = {
      paymentHash,
      bolt11,
      amountMsat,
      expiresAt: timestamp + expirySeconds,
      ref: this.#refOf(paymentHash),
    }
    return creates === 'well' ? made : creates(request, made)
  }

  async lookup(
    { paymentHash, ref }: Pick<IssuedInvoice, 'paymentHash' | 'ref'>,
    signal: AbortSignal,
  ): Promise<InvoiceState> {
    this.lookedUp.push(paymentHash)
    const { looksUp } = this
    if (ref !== this.#refOf(paymentHash)) return { state: 'unknown' }
    if (looksUp === 'hangs') return await forever(signal)
    if (looksUp !== 'well' && looksUp !== 'blind') throw new WalletError(looksUp, `${this.name} says ${looksUp}.`)
    const paid = this.#paid.find((each) => each.paymentHash === paymentHash)
    if (paid && looksUp === 'well') {
      const { settledAtMs, receivedMsat } = paid
      return { state: 'settled', settledAtMs, ...(receivedMsat !== undefined && { receivedMsat }) }
    }
    return { state: this.#made.has(paymentHash) ? 'open' : 'unknown' }
  }

  #refOf(paymentHash: string): string {
    return this.#needsRef ? `verify/${paymentHash}` : paymentHash
  }

  async *settlements(cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    const resumable = this.capabilities.push === 'resumable'
    let next = resumable ? Number(cursor ?? 0) : this.#paid.length
    while (!signal.aborted) {
      for (; this.streams && next < this.#paid.length; next++) {
        const { cursor: place, ...told } = this.#paid[next] as Settlement
        yield resumable && place !== undefined ? { ...told, cursor: place } : told
      }
      await once(this.#changes, 'change', { signal }).catch(() => undefined)
    }
  }

  async pay(bolt11: string): Promise<string> {
    const { paymentHash } = decodeInvoice(bolt11, { signature: 'skip' })
    const made = this.#made.get(paymentHash)
    if (!made) throw new WalletError('rejected', 'The invoice is not one of its own.')
    const settledAtMs = this.#clock.nowMs()
    const cursor = String(this.#paid.length + 1)
    this.#paid.push({ paymentHash, receivedMsat: made.amountMsat, settledAtMs, cursor })
    this.#changes.emit('change')
    return made.preimage
  }

  /** Streams look again whether there is something to tell. */
  nudge(): void {
    this.#changes.emit('change')
  }

  async health(): Promise<WalletHealth> {
    return { ok: true, latencyMs: 1, warnings: this.warnings }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new WalletError('timeout', 'The time is over.')), { once: true })
  })
}
