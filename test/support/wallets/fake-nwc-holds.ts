import type { FakeInvoice, FakeNode } from './fake-node.ts'
import { hashOf } from './fake-node.ts'

export type NwcHoldState = 'pending' | 'accepted' | 'settled' | 'failed'

export interface NwcHold {
  readonly invoice: FakeInvoice
  state: NwcHoldState
  /** Once settled. */
  preimage: string
}

export interface FakeNwcHoldsOptions {
  readonly node: FakeNode
  /** Alby Hub answers settling and cancelling of all but what is locked in with an error; others let it be repeated. */
  readonly lenient: boolean
  /** Makes a second invoice for a payment hash it knows, instead of refusing. */
  readonly forgetful: boolean
  /** Gives invoices fewer blocks than it is asked for. */
  readonly ignoresBlocks: boolean
  readonly onChange: (hold: NwcHold) => void
}

type Outcome = { readonly hold: NwcHold } | { readonly refused: string }

/** The hold invoices of a wallet service, as Alby Hub has them (NIP-47). */
export class FakeNwcHolds {
  readonly all = new Map<string, NwcHold>()
  /** The payment hash of every invoice. */
  readonly made: string[] = []
  readonly #options: FakeNwcHoldsOptions
  readonly #payers = new Map<string, (preimage: string | undefined) => void>()

  constructor(options: FakeNwcHoldsOptions) {
    this.#options = options
  }

  make(params: Readonly<Record<string, unknown>>): Outcome {
    const { node, forgetful, ignoresBlocks } = this.#options
    const paymentHash = String(params.payment_hash)
    if (!/^[0-9a-f]{64}$/.test(paymentHash)) return { refused: 'BAD_REQUEST' }
    if (this.all.has(paymentHash) && !forgetful) return { refused: 'INTERNAL' }
    const blocks = Number(params.min_cltv_expiry_delta)
    const invoice = node.make({
      amountMsat: BigInt(Number(params.amount)),
      description: String(params.description),
      expirySeconds: Number(params.expiry),
      hold: { paymentHash, blocks: ignoresBlocks ? 24 : blocks },
    })
    const hold: NwcHold = { invoice, state: 'pending', preimage: '' }
    this.all.set(paymentHash, hold)
    this.made.push(paymentHash)
    return { hold }
  }

  settle(preimage: string): Outcome {
    const hold = this.all.get(hashOf(preimage))
    if (hold?.state === 'settled' && this.#options.lenient) return { hold }
    if (hold?.state !== 'accepted') return { refused: 'INTERNAL' }
    hold.preimage = preimage
    return this.#end(hold, 'settled')
  }

  cancel(paymentHash: string): Outcome {
    const hold = this.all.get(paymentHash)
    const { lenient } = this.#options
    if (hold?.state === 'failed' && lenient) return { hold }
    if (hold?.state === 'accepted' || (hold?.state === 'pending' && lenient)) return this.#end(hold, 'failed')
    return { refused: 'NOT_FOUND' }
  }

  /** @returns the end of it: the preimage, or undefined when it was let go */
  pay(paymentHash: string): Promise<string | undefined> {
    const hold = this.all.get(paymentHash)
    if (!hold) throw new Error('there is no such invoice')
    if (hold.state !== 'pending' || this.#options.node.isExpired(hold.invoice)) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.#payers.set(paymentHash, resolve)
    hold.state = 'accepted'
    this.#options.onChange(hold)
    return promise
  }

  #end(hold: NwcHold, state: NwcHoldState): Outcome {
    hold.state = state
    this.#options.onChange(hold)
    this.#payers.get(hold.invoice.paymentHash)?.(hold.preimage || undefined)
    return { hold }
  }
}
