import { createHash } from 'node:crypto'
import { type ServerWritableStream, status } from '@grpc/grpc-js'

export type LndState = 'OPEN' | 'ACCEPTED' | 'SETTLED' | 'CANCELED'

/** An invoice as lnd has it. */
export interface LndRow {
  /** Empty while it is not known, and in every message but that of the settlement. */
  r_preimage: Buffer
  readonly r_hash: Buffer
  readonly value_msat: string
  readonly payment_request: string
  readonly add_index: string
  readonly expiry: string
  creation_date: string
  state: LndState
  settle_index: string
  settle_date: string
  amt_paid_msat: string
}

export interface AddHoldInvoice {
  readonly hash: Buffer
  readonly memo: string
  readonly value_msat: string
  readonly expiry: string
  readonly cltv_expiry: string
}

/** What the rest of lnd does for it. */
export interface LndRegistry {
  readonly invoices: ReadonlyMap<string, LndRow>
  add(request: AddHoldInvoice): LndRow
  /** Counts it and tells the general stream. */
  settled(row: LndRow): void
}

type SingleStream = ServerWritableStream<{ r_hash: Buffer }, LndRow>

const refused = (details: string) => ({ code: status.UNKNOWN, details })
const unknown = refused('unable to locate invoice')

/**
 * The hold invoices of lnd (`invoicesrpc`) as a real one was seen to answer: its codes, texts and order of events.
 * ACCEPTED is told on the stream of the one invoice and nowhere else.
 */
export class FakeLndHolds {
  readonly #registry: LndRegistry
  readonly #streams = new Set<SingleStream>()
  readonly #payers = new Map<string, (preimage: string | undefined) => void>()

  constructor(registry: LndRegistry) {
    this.#registry = registry
  }

  add(request: AddHoldInvoice): object {
    if (this.#registry.invoices.has(request.hash.toString('hex')))
      return refused('invoice with payment hash already exists')
    const { payment_request, add_index } = this.#registry.add(request)
    return { payment_request, add_index, payment_addr: Buffer.alloc(32, 1) }
  }

  lookup(paymentHash: Buffer): object {
    return this.#find(paymentHash) ?? { code: status.NOT_FOUND, details: 'unable to locate invoice' }
  }

  settle(preimage: Buffer): object {
    const row = this.#find(createHash('sha256').update(preimage).digest())
    if (!row) return unknown
    if (row.state === 'OPEN') return refused('invoice still open')
    if (row.state === 'CANCELED') return refused('invoice already canceled')
    if (row.state === 'SETTLED') return {}
    row.state = 'SETTLED'
    row.r_preimage = preimage
    this.#registry.settled(row)
    this.tell(row)
    this.#payers.get(row.r_hash.toString('hex'))?.(preimage.toString('hex'))
    return {}
  }

  cancel(paymentHash: Buffer): object {
    const row = this.#find(paymentHash)
    if (!row) return unknown
    if (row.state === 'SETTLED') return refused('invoice already settled')
    if (row.state === 'CANCELED') return {}
    row.state = 'CANCELED'
    this.tell(row)
    this.#payers.get(row.r_hash.toString('hex'))?.(undefined)
    return {}
  }

  /** A buyer pays: the payment is locked in. @returns its end: the preimage, or undefined when it was let go */
  pay(paymentHash: string): Promise<string | undefined> {
    const row = this.#find(Buffer.from(paymentHash, 'hex'))
    if (!row) throw new Error('there is no such invoice')
    const isOver = Date.now() / 1000 >= Number(row.creation_date) + Number(row.expiry)
    if (row.state !== 'OPEN' || isOver) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.#payers.set(paymentHash, resolve)
    row.state = 'ACCEPTED'
    row.amt_paid_msat = row.value_msat
    this.tell(row)
    return promise
  }

  /** On its own stream, as often as it is called. */
  tell(row: LndRow, state = row.state): void {
    for (const stream of this.#streams) {
      if (!stream.request.r_hash.equals(row.r_hash)) continue
      stream.write({ ...row, state })
      if (state === 'SETTLED' || state === 'CANCELED') stream.end()
    }
  }

  /** The present state first. Whoever asks for one that does not exist yet waits in silence. */
  subscribe(call: SingleStream): void {
    this.#streams.add(call)
    call.on('cancelled', () => this.#streams.delete(call))
    call.on('close', () => this.#streams.delete(call))
    const row = this.#find(call.request.r_hash)
    if (!row) return
    call.write(row)
    if (row.state === 'SETTLED' || row.state === 'CANCELED') call.end()
  }

  get watched(): number {
    return this.#streams.size
  }

  #find(paymentHash: Buffer): LndRow | undefined {
    return this.#registry.invoices.get(paymentHash.toString('hex'))
  }
}
