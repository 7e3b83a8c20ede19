import { createHash, randomBytes } from 'node:crypto'
import { encodeInvoice, type NewInvoice } from '#src/bolt11/encode.ts'
import type { Network } from '#src/ports/wallet.ts'

export interface FakeInvoice {
  readonly paymentHash: string
  /** Empty where it is not known. */
  readonly preimage: string
  bolt11: string
  readonly amountMsat: bigint
  readonly description: string
  /** What the gateway's side calls it: `externalId`, `label`, … */
  readonly reference: string
  readonly createdAtMs: number
  expiresAt: number
  /** Counts payments from 1; undefined while unpaid. */
  settleIndex: number | undefined
  settledAtMs: number | undefined
}

/** How the next invoices differ from what the wallet says of them. */
export interface NodeLie {
  readonly amountMsat?: bigint
  readonly paymentHash?: string
  readonly expirySeconds?: number
  readonly network?: Network
}

/** The Lightning node behind a fake: it signs real invoices and is paid by calling `settle`. */
export class FakeNode {
  readonly network: Network
  readonly invoices = new Map<string, FakeInvoice>()
  lie: NodeLie | undefined
  /** Its invoices carry the hash of the description in the place of it. */
  hashesDescriptions = false
  readonly nowMs: () => number
  #settled = 0
  readonly #secretKey = randomBytes(32)

  constructor(network: Network = 'bcrt', nowMs: () => number = Date.now) {
    this.network = network
    this.nowMs = nowMs
  }

  make(asked: {
    readonly amountMsat: bigint
    readonly description: string
    readonly expirySeconds: number
    readonly reference?: string
    /** Somebody else chose the preimage, which is not known here. */
    readonly hold?: { readonly paymentHash: string; readonly blocks: number }
  }): FakeInvoice {
    const preimage = asked.hold ? '' : randomBytes(32).toString('hex')
    const paymentHash = asked.hold?.paymentHash ?? hashOf(preimage)
    const createdAtMs = this.nowMs()
    const expirySeconds = this.lie?.expirySeconds ?? asked.expirySeconds
    const timestamp = Math.floor(createdAtMs / 1000)
    const { network = this.network, amountMsat = asked.amountMsat } = this.lie ?? {}
    const bolt11 = this.#sign({
      network,
      amountMsat,
      description: asked.description,
      paymentHash: this.lie?.paymentHash ?? paymentHash,
      timestamp,
      expirySeconds,
      ...(asked.hold && { minFinalCltvExpiry: asked.hold.blocks }),
    })
    const invoice: FakeInvoice = {
      paymentHash,
      preimage,
      bolt11,
      amountMsat: asked.amountMsat,
      description: asked.description,
      reference: asked.reference ?? '',
      createdAtMs,
      expiresAt: timestamp + expirySeconds,
      settleIndex: undefined,
      settledAtMs: undefined,
    }
    this.invoices.set(paymentHash, invoice)
    return invoice
  }

  /** @returns the preimage, as the payer gets it */
  settle(paymentHash: string): string {
    const invoice = this.invoices.get(paymentHash)
    if (!invoice) throw new Error('there is no such invoice')
    if (invoice.settleIndex === undefined) {
      invoice.settleIndex = ++this.#settled
      invoice.settledAtMs = this.nowMs()
    }
    return invoice.preimage
  }

  /** Its time is over: the invoice is as if made that long ago. */
  expire(paymentHash: string): void {
    const invoice = this.invoices.get(paymentHash)
    if (!invoice) throw new Error('there is no such invoice')
    const { amountMsat, description } = invoice
    const timestamp = Math.floor(this.nowMs() / 1000) - 120
    invoice.expiresAt = timestamp + 60
    const { network } = this
    invoice.bolt11 = this.#sign({ network, amountMsat, description, paymentHash, timestamp, expirySeconds: 60 })
  }

  #sign(invoice: Omit<NewInvoice & { description: string }, 'paymentSecret' | 'descriptionHash'>): string {
    const { description, ...rest } = invoice
    const descriptionHash = createHash('sha256').update(description).digest('hex')
    const purpose = this.hashesDescriptions ? { descriptionHash } : { description }
    return encodeInvoice({ ...rest, ...purpose, paymentSecret: randomBytes(32).toString('hex') }, this.#secretKey)
  }

  isExpired(invoice: FakeInvoice): boolean {
    return this.nowMs() >= invoice.expiresAt * 1000
  }

  /** In the order in which they were paid. */
  settledInvoices(): FakeInvoice[] {
    return [...this.invoices.values()]
      .filter(({ settleIndex }) => settleIndex !== undefined)
      .sort((a, b) => (a.settleIndex ?? 0) - (b.settleIndex ?? 0))
  }
}

export const hashOf = (preimage: string): string =>
  createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
