import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import type { Network } from '#src/ports/wallet.ts'
import { type AddHoldInvoice, FakeLndHolds, type LndRow } from './fake-lnd-holds.ts'
import { refusalOf } from './fake-lnd-rights.ts'
import type { Lie } from './subject.ts'

interface AddInvoice {
  readonly value: string
  readonly value_msat: string
  readonly memo: string
  readonly expiry: string
  readonly r_preimage: Buffer
}

interface Failure {
  readonly code: number
  readonly details: string
}

interface NewRow {
  readonly hash: Buffer
  /** Empty: not known here. */
  readonly preimage: Buffer
  readonly msat: bigint
  readonly memo: string
  readonly expiry: string
  readonly cltv?: number | undefined
}

type Trouble = Failure | 'hang' | undefined
type GeneralStream = ServerWritableStream<{ settle_index: string }, unknown>
type AnyCall = { readonly metadata: { get(key: string): readonly unknown[] } }

export interface FakeLndOptions {
  readonly key: string
  readonly cert: string
  /** The macaroons it accepts, hex → rights. */
  readonly macaroons: ReadonlyMap<string, readonly string[]>
  readonly network?: Network
  readonly channels?: number
  readonly inboundMsat?: bigint
  /** The one text for all invoices, for measurements: no time is spent on signing. */
  readonly cannedInvoice?: (paymentHash: string) => string
}

const networkNames: Readonly<Record<Network, string>> = { bc: 'mainnet', tb: 'testnet', tbs: 'signet', bcrt: 'regtest' }

/**
 * An lnd as far as invoices go: gRPC over TLS from lnd's own lightning.proto and invoices.proto, with lnd's codes, texts
 * and order of events.
 */
export class FakeLnd implements AsyncDisposable {
  readonly invoices = new Map<string, LndRow>()
  /** The names of all calls. */
  readonly calls: string[] = []
  trouble: Trouble
  lie: Lie | undefined
  /** Called between making an invoice and answering. */
  beforeReply: (() => void) | undefined
  port = 0
  readonly #options: FakeLndOptions
  readonly #secretKey = randomBytes(32)
  readonly holds = new FakeLndHolds({
    invoices: this.invoices,
    add: (request) => this.#addHold(request),
    settled: (row) => this.#count(row),
  })
  readonly #streams = new Set<ServerWritableStream<unknown, unknown>>()
  readonly #server = new Server()
  #added = 0
  #settled = 0

  private constructor(options: FakeLndOptions) {
    this.#options = options
  }

  static async open(options: FakeLndOptions): Promise<FakeLnd> {
    const fake = new FakeLnd(options)
    await fake.#serve()
    return fake
  }

  settle(paymentHash: string): string {
    const row = this.#row(paymentHash)
    if (row.state === 'OPEN') {
      row.state = 'SETTLED'
      this.#count(row)
    }
    return row.r_preimage.toString('hex')
  }

  /** Its time is over, and lnd's own watcher has not been there yet. */
  expire(paymentHash: string): void {
    const row = this.#row(paymentHash)
    row.creation_date = String(Number(unixSeconds()) - Number(row.expiry) - 1)
  }

  cancel(paymentHash: string): void {
    this.#row(paymentHash).state = 'CANCELED'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown()
  }

  #row(paymentHash: string): LndRow {
    const row = this.invoices.get(paymentHash)
    if (!row) throw new Error('there is no such invoice')
    return row
  }

  #count(row: LndRow): void {
    row.settle_index = String(++this.#settled)
    row.settle_date = unixSeconds()
    row.amt_paid_msat = row.value_msat
    this.#publish(row)
  }

  #publish(row: LndRow): void {
    for (const stream of this.#streams) stream.write(row)
  }

  async #serve(): Promise<void> {
    const folder = dirname(createRequire(import.meta.url).resolve('lightning/package.json'))
    const proto = loadSync(
      ['lightning.proto', 'invoices.proto'].map((name) => join(folder, 'grpc/protos', name)),
      {
        defaults: true,
        enums: String,
        keepCase: true,
        longs: String,
        oneofs: true,
      },
    )
    const { lnrpc, invoicesrpc } = loadPackageDefinition(proto) as unknown as {
      lnrpc: { Lightning: ServiceClientConstructor }
      invoicesrpc: { Invoices: ServiceClientConstructor }
    }
    this.#server.addService(lnrpc.Lightning.service, {
      addInvoice: this.#unary('AddInvoice', (request: AddInvoice) => this.#add(request)),
      lookupInvoice: this.#unary('LookupInvoice', ({ r_hash }: { r_hash: Buffer }) => {
        const row = this.invoices.get(r_hash.toString('hex'))
        return row ?? { code: status.NOT_FOUND, details: 'unable to locate invoice' }
      }),
      getInfo: this.#unary('GetInfo', () => ({
        version: '0.21.3-beta',
        num_active_channels: this.#options.channels ?? 1,
        chains: [{ chain: 'bitcoin', network: networkNames[this.#options.network ?? 'bcrt'] }],
      })),
      channelBalance: this.#unary('ChannelBalance', () => {
        const msat = this.#options.inboundMsat ?? 1_000_000_000n
        return { remote_balance: { sat: String(msat / 1000n), msat: String(msat) } }
      }),
      subscribeInvoices: this.#stream('SubscribeInvoices', (call: GeneralStream) => this.#subscribe(call)),
    })
    this.#server.addService(invoicesrpc.Invoices.service, {
      addHoldInvoice: this.#unary('AddHoldInvoice', (request: AddHoldInvoice) => this.#lossy(this.holds.add(request))),
      lookupInvoiceV2: this.#unary('LookupInvoiceV2', (request: { payment_hash: Buffer }) =>
        this.holds.lookup(request.payment_hash),
      ),
      settleInvoice: this.#unary('SettleInvoice', (request: { preimage: Buffer }) =>
        this.#lossy(this.holds.settle(request.preimage)),
      ),
      cancelInvoice: this.#unary('CancelInvoice', (request: { payment_hash: Buffer }) =>
        this.#lossy(this.holds.cancel(request.payment_hash)),
      ),
      subscribeSingleInvoice: this.#stream(
        'SubscribeSingleInvoice',
        (call: ServerWritableStream<{ r_hash: Buffer }, LndRow>) => this.holds.subscribe(call),
      ),
    })
    const { key, cert } = this.#options
    const tls = ServerCredentials.createSsl(null, [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }])
    this.port = await new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', tls, (error, port) => (error ? reject(error) : resolve(port)))
    })
  }

  /** 0 replays nothing, as lnd defines it. */
  #subscribe(call: GeneralStream): void {
    const from = BigInt(call.request.settle_index)
    const settled = [...this.invoices.values()].filter(({ state }) => state === 'SETTLED')
    settled.sort((a, b) => Number(a.settle_index) - Number(b.settle_index))
    if (from > 0n) for (const row of settled) if (BigInt(row.settle_index) > from) call.write(row)
    this.#streams.add(call)
    call.on('cancelled', () => this.#streams.delete(call))
    call.on('close', () => this.#streams.delete(call))
  }

  #lossy(reply: object): object {
    this.beforeReply?.()
    return reply
  }

  #stream<Asked, Told>(name: string, serve: (call: ServerWritableStream<Asked, Told>) => void) {
    return (call: ServerWritableStream<Asked, Told>): void => {
      this.calls.push(name)
      const trouble = this.trouble ?? this.#refusal(name, call)
      if (trouble === 'hang') return
      if (trouble) call.emit('error', trouble)
      else serve(call)
    }
  }

  #unary<Request>(name: string, answer: (request: Request) => object | Failure) {
    return (call: ServerUnaryCall<Request, unknown>, reply: sendUnaryData<unknown>): void => {
      this.calls.push(name)
      const trouble = this.trouble ?? this.#refusal(name, call)
      if (trouble === 'hang') return
      if (trouble) return reply(trouble)
      const result = answer(call.request)
      if (isFailure(result)) reply(result)
      else reply(null, result)
    }
  }

  #refusal(name: string, call: AnyCall): Trouble {
    return refusalOf(this.#options.macaroons.get(String(call.metadata.get('macaroon')[0])), name)
  }

  #add(request: AddInvoice): object {
    const preimage = request.r_preimage.length > 0 ? request.r_preimage : randomBytes(32)
    const hash = createHash('sha256').update(preimage).digest()
    if (this.invoices.has(hash.toString('hex')))
      return { code: status.UNKNOWN, details: 'invoice with payment hash already exists' }
    const msat = request.value_msat === '0' ? BigInt(request.value) * 1000n : BigInt(request.value_msat)
    const { payment_request, add_index } = this.#write({ ...request, hash, preimage: Buffer.from(preimage), msat })
    return this.#lossy({ r_hash: hash, payment_request, add_index })
  }

  #addHold(request: AddHoldInvoice): LndRow {
    const cltv = Number(request.cltv_expiry) || undefined
    return this.#write({ ...request, cltv, preimage: Buffer.alloc(0), msat: BigInt(request.value_msat) })
  }

  #write(invoice: NewRow): LndRow {
    const { hash, preimage, msat } = invoice
    const expiry = Number(invoice.expiry) || 86_400
    const paymentHash = hash.toString('hex')
    const text = this.#options.cannedInvoice?.(paymentHash) ?? this.#sign(paymentHash, expiry, invoice)
    const row: LndRow = {
      r_preimage: preimage,
      r_hash: hash,
      value_msat: String(msat),
      payment_request: text,
      add_index: String(++this.#added),
      expiry: String(expiry),
      creation_date: unixSeconds(),
      state: 'OPEN',
      settle_index: '0',
      settle_date: '0',
      amt_paid_msat: '0',
    }
    this.invoices.set(paymentHash, row)
    this.#publish(row)
    return row
  }

  #sign(paymentHash: string, expirySeconds: number, { msat, memo, cltv }: NewRow): string {
    const { lie } = this
    return encodeInvoice(
      {
        network: lie === 'network' ? 'bc' : (this.#options.network ?? 'bcrt'),
        amountMsat: lie === 'amount' ? msat + 1000n : msat,
        description: memo,
        paymentHash: lie === 'hash' ? randomBytes(32).toString('hex') : paymentHash,
        paymentSecret: randomBytes(32).toString('hex'),
        timestamp: Number(unixSeconds()),
        expirySeconds: lie === 'expiry' ? 1 : expirySeconds,
        ...(cltv !== undefined && { minFinalCltvExpiry: cltv }),
      },
      this.#secretKey,
    )
  }
}

const unixSeconds = (): string => String(Math.floor(Date.now() / 1000))

const isFailure = (result: object): result is Failure => 'code' in result && 'details' in result
