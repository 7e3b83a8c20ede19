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
  close(): void
}

type LightningClass = new (address: string, channel: object, options: object) => LightningClient

interface Connection {
  readonly client: LightningClient
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
  readonly #Lightning: LightningClass
  #connection: Connection
  #closed = false

  constructor(options: LndRpcOptions) {
    this.address = options.address
    this.#options = options
    // Of the clients made here only the class is used: it lets no channel option through. None of them has connected.
    const { lnd } = authenticatedLndGrpc({ socket: options.address })
    this.#Lightning = (lnd.default as { constructor: LightningClass }).constructor
    for (const client of Object.values(lnd) as { close(): void }[]) client.close()
    this.#connection = this.#connect()
  }

  /** @throws WalletError; or what lnd answered, where `passOn` says so */
  async call<Name extends keyof Calls>(
    name: Name,
    request: Calls[Name][0],
    signal: AbortSignal,
    passOn: (failure: CallFailure) => boolean = () => false,
  ): Promise<Calls[Name][1]> {
    if (this.#closed) throw new WalletError('unavailable', 'The wallet is closed.')
    if (signal.aborted) throw late(this.address)
    const connection = this.#connection
    const beganMs = performance.now()
    try {
      const reply = await callOnce(connection.client, name, request, signal)
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
  async *subscribe(settleIndex: string, signal: AbortSignal): AsyncGenerator<LndInvoice, void, void> {
    if (this.#closed || signal.aborted) return
    const connection = this.#connection
    const stream = connection.client.subscribeInvoices({ settle_index: settleIndex })
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
    const client = new this.#Lightning(address, credentials.combineChannelCredentials(tls, headers), {
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': Math.min(keepaliveMs, 10_000),
      'grpc.keepalive_permit_without_calls': 0,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 5_000,
    })
    return { client, replaced: new AbortController(), heardMs: Number.NEGATIVE_INFINITY }
  }
}

function callOnce<Name extends keyof Calls>(
  client: LightningClient,
  name: Name,
  request: Calls[Name][0],
  signal: AbortSignal,
): Promise<Calls[Name][1]> {
  const { promise, resolve, reject } = Promise.withResolvers<Calls[Name][1]>()
  const method = client[name] as Unary<Calls[Name][0], Calls[Name][1]>
  const call = method.call(client, request, { deadline: Date.now() + longestCallMs }, (error, reply) => {
    signal.removeEventListener('abort', cancel)
    if (error || reply === undefined) reject(error ?? new Error('neither a reply nor an error'))
    else resolve(reply)
  })
  const cancel = (): void => call.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return promise
}
