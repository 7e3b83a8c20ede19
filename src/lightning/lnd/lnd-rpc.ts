import { type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { authenticatedLndGrpc } from 'lightning'
import { WalletError } from '../../ports/wallet.ts'
import { type CallFailure, isCallFailure, late, toWalletError } from './lnd-error.ts'

/** The calls of lnd that are made here, as its lightning.proto has them: 64-bit numbers are text. */
interface Calls {
  readonly addInvoice: [
    {
      readonly value_msat: string
      readonly memo: string
      readonly expiry: string
      readonly private: boolean
      readonly r_preimage?: Uint8Array
    },
    { readonly r_hash: Buffer; readonly payment_request: string },
  ]
  readonly lookupInvoice: [{ readonly r_hash: Uint8Array }, LndInvoice]
  readonly getInfo: [
    object,
    { readonly chains: readonly { readonly network: string }[]; readonly num_active_channels: number },
  ]
  readonly channelBalance: [object, { readonly remote_balance: { readonly msat: string } | null }]
}

/** Those of its invoicesrpc/invoices.proto. */
interface HoldCalls {
  readonly addHoldInvoice: [
    {
      readonly hash: Uint8Array
      readonly value_msat: string
      readonly memo: string
      readonly expiry: string
      readonly cltv_expiry: string
      readonly private: boolean
    },
    { readonly payment_request: string },
  ]
  readonly lookupInvoiceV2: [{ readonly payment_hash: Uint8Array }, LndInvoice]
  readonly settleInvoice: [{ readonly preimage: Uint8Array }, object]
  readonly cancelInvoice: [{ readonly payment_hash: Uint8Array }, object]
}

type AllCalls = Calls & HoldCalls

/** The fields that are read. `r_preimage` is another, and must stay where it is. */
export interface LndInvoice {
  readonly r_hash: Buffer
  readonly payment_request: string
  readonly state: 'OPEN' | 'SETTLED' | 'CANCELED' | 'ACCEPTED'
  readonly amt_paid_msat: string
  /** Unix seconds. */
  readonly settle_date: string
  readonly settle_index: string
  /** Unix seconds. */
  readonly creation_date: string
  /** Seconds. */
  readonly expiry: string
}

type Unary<Request, Reply> = (
  request: Request,
  options: { readonly deadline: number },
  callback: (error: ServiceError | null, reply?: Reply) => void,
) => { cancel(): void }

type LightningClient = { readonly [Name in keyof Calls]: Unary<Calls[Name][0], Calls[Name][1]> } & {
  subscribeInvoices(request: { readonly settle_index: string }): ClientReadableStream<LndInvoice>
  getChannel(): object
  close(): void
}

type InvoicesClient = { readonly [Name in keyof HoldCalls]: Unary<HoldCalls[Name][0], HoldCalls[Name][1]> } & {
  subscribeSingleInvoice(request: { readonly r_hash: Uint8Array }): ClientReadableStream<LndInvoice>
}

type ClientClass<Client> = new (address: string, credentials: object, options: object) => Client

interface Connection {
  readonly client: LightningClient
  /** Over the channel of `client`, and closed with it. */
  readonly invoices: InvoicesClient
  /** Aborts when another one took its place. */
  readonly replaced: AbortController
  /** When it was last heard of. */
  heardMs: number
}

export interface LndRpcOptions {
  readonly address: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly tlsCert: string | undefined
  /** Hex. */
  readonly macaroon: string
  /** How often a stream that is silent is checked. lnd closes connections that ask more often than every 5 s. */
  readonly keepaliveMs: number
}

/** No call lasts longer, whatever its signal says. */
const longestCallMs = 60_000
/** A link that has been silent for so long, while an answer was due, is given up. */
const silentMs = 1_000

/**
 * The gRPC of one lnd: every call has a deadline. A link that is dead without anybody having said so is replaced by a
 * new one, since the operating system would go on waiting for a quarter of an hour.
 */
export class LndRpc {
  readonly address: string
  readonly #options: LndRpcOptions
  readonly #Lightning: ClientClass<LightningClient>
  readonly #Invoices: ClientClass<InvoicesClient>
  #connection: Connection
  #closed = false

  constructor(options: LndRpcOptions) {
    this.address = options.address
    this.#options = options
    // Of the clients made here only the classes are used: they let no channel option through. None has connected.
    const { lnd } = authenticatedLndGrpc({ socket: options.address })
    this.#Lightning = (lnd.default as { constructor: ClientClass<LightningClient> }).constructor
    this.#Invoices = (lnd.invoices as { constructor: ClientClass<InvoicesClient> }).constructor
    for (const client of Object.values(lnd) as { close(): void }[]) client.close()
    this.#connection = this.#connect()
  }

  /** @throws WalletError; or what lnd answered, where `passOn` says so */
  async call<Name extends keyof AllCalls>(
    name: Name,
    request: AllCalls[Name][0],
    signal: AbortSignal,
    passOn: (failure: CallFailure) => boolean = () => false,
  ): Promise<AllCalls[Name][1]> {
    if (this.#closed) throw new WalletError('unavailable', 'The wallet is closed.')
    if (signal.aborted) throw late(this.address)
    const connection = this.#connection
    const beganMs = performance.now()
    try {
      const reply = await callOnce(connection, name, request, signal)
      connection.heardMs = performance.now()
      return reply
    } catch (thrown) {
      if (!isCallFailure(thrown)) throw thrown
      if (signal.aborted || performance.now() - beganMs >= longestCallMs) {
        this.#suspect(connection, beganMs)
        throw late(this.address)
      }
      connection.heardMs = performance.now()
      throw passOn(thrown) ? thrown : toWalletError(this.address, thrown)
    }
  }

  /**
   * The invoices that are added or settled from now on, after a replay of those settled with an index above the given
   * one; an index of 0 replays nothing. Ends when the signal aborts.
   * @throws WalletError
   */
  subscribe(settleIndex: string, signal: AbortSignal): AsyncGenerator<LndInvoice, void, void> {
    return this.#read(({ client }) => client.subscribeInvoices({ settle_index: settleIndex }), signal)
  }

  /**
   * The invoice as it is, and at each change of its state, held payments included, until the end of it. Silent for one
   * that lnd does not know yet. Ends when the signal aborts.
   * @throws WalletError
   */
  subscribeSingle(paymentHash: Uint8Array, signal: AbortSignal): AsyncGenerator<LndInvoice, void, void> {
    return this.#read(({ invoices }) => invoices.subscribeSingleInvoice({ r_hash: paymentHash }), signal)
  }

  async *#read(
    open: (connection: Connection) => ClientReadableStream<LndInvoice>,
    signal: AbortSignal,
  ): AsyncGenerator<LndInvoice, void, void> {
    if (this.#closed || signal.aborted) return
    const connection = this.#connection
    const stream = open(connection)
    const cancel = (): void => stream.cancel()
    const ends = AbortSignal.any([signal, connection.replaced.signal])
    ends.addEventListener('abort', cancel, { once: true })
    try {
      for await (const invoice of stream as AsyncIterable<LndInvoice>) {
        connection.heardMs = performance.now()
        yield invoice
      }
    } catch (thrown) {
      if (signal.aborted || this.#closed) return
      throw isCallFailure(thrown) ? toWalletError(this.address, thrown) : thrown
    } finally {
      ends.removeEventListener('abort', cancel)
      // Whoever stops listening leaves the stream in the middle; cutting it off is then no failure.
      stream.on('error', () => undefined)
      stream.cancel()
    }
  }

  close(): void {
    this.#closed = true
    this.#drop(this.#connection)
  }

  #suspect(connection: Connection, beganMs: number): void {
    const nowMs = performance.now()
    const isSilent = connection.heardMs < beganMs && nowMs - beganMs >= silentMs
    if (!isSilent || this.#closed || connection !== this.#connection) return
    this.#connection = this.#connect()
    this.#drop(connection)
  }

  #drop(connection: Connection): void {
    connection.replaced.abort()
    connection.client.close()
  }

  #connect(): Connection {
    const { address, tlsCert, macaroon, keepaliveMs } = this.#options
    // Made anew each time: with equal credentials grpc-js would share the dead link with the new connection.
    const headers = credentials.createFromMetadataGenerator((_call, done) => {
      const metadata = new Metadata()
      metadata.set('macaroon', macaroon)
      done(null, metadata)
    })
    const tls = credentials.createSsl(tlsCert === undefined ? null : Buffer.from(tlsCert))
    const channel = credentials.combineChannelCredentials(tls, headers)
    const client = new this.#Lightning(address, channel, {
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': Math.min(keepaliveMs, 10_000),
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 5_000,
    })
    const invoices = new this.#Invoices(address, channel, { channelOverride: client.getChannel() })
    return { client, invoices, replaced: new AbortController(), heardMs: Number.NEGATIVE_INFINITY }
  }
}

function callOnce<Name extends keyof AllCalls>(
  { client, invoices }: Connection,
  name: Name,
  request: AllCalls[Name][0],
  signal: AbortSignal,
): Promise<AllCalls[Name][1]> {
  const { promise, resolve, reject } = Promise.withResolvers<AllCalls[Name][1]>()
  const service = name in client ? client : invoices
  const method = (service as unknown as Record<Name, Unary<AllCalls[Name][0], AllCalls[Name][1]>>)[name]
  const call = method.call(service, request, { deadline: Date.now() + longestCallMs }, (error, reply) => {
    signal.removeEventListener('abort', cancel)
    if (error || reply === undefined) reject(error ?? new Error('neither a reply nor an error'))
    else resolve(reply)
  })
  const cancel = (): void => call.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return promise
}
