import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import { WalletError } from '../../ports/wallet.ts'
import { parseJson, type ReplyReader, readJson, statusError } from '../http/read-reply.ts'
import { WalletHttp, type WalletReply } from '../http/wallet-http.ts'
import { rpcError } from './replies.ts'

/** Codes of Core Lightning that mean something here. */
export const rpcCode = {
  invalidParams: -32602,
  unknownMethod: -32601,
  labelExists: 900,
  waitTimeout: 904,
} as const

export interface ClnRpcOptions {
  readonly url: string
  readonly rune: string
  readonly ca: string | undefined
  readonly clock: Pick<Clock, 'nowMs'>
}

export type RpcOutcome =
  | { readonly kind: 'result'; readonly reply: WalletReply }
  | { readonly kind: 'error'; readonly code: number; readonly warming: boolean }

export const clnService = 'Core Lightning'
const ruleOfRunes =
  'create a rune with: lightning-cli createrune restrictions=\'[["method=invoice","method=listinvoices","method=waitanyinvoice"],["rate=600"]]\''
const rateLimitMs = 60_000
const starting = /start|warming|not ready|shutting down/i

/** Calls over clnrest: `POST /v1/<method>` with a rune. */
export class ClnRpc implements AsyncDisposable {
  readonly #http: WalletHttp
  readonly #reader: ReplyReader

  constructor({ url, rune, ca, clock }: ClnRpcOptions) {
    this.#http = new WalletHttp({
      service: clnService,
      url,
      ca,
      // clnrest's own certificate names `cln` and `localhost`, never the address a remote node is called at.
      alsoNamed: 'cln',
      headers: { rune },
    })
    this.#reader = { endpoint: this.#http.endpoint, clock, whenUnauthorized: ruleOfRunes }
  }

  /**
   * Calls and reads the result.
   * @throws WalletError; an error of the RPC itself is `rejected`
   */
  async call<Schema extends z.ZodType>(
    method: string,
    parameters: Readonly<Record<string, unknown>>,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    const outcome = await this.attempt(method, parameters, signal)
    if (outcome.kind === 'error') throw this.refusal(method, outcome)
    return this.read(method, outcome.reply, schema)
  }

  /**
   * Calls; an error of the RPC itself, which clnrest wraps in HTTP 500 or 404, is an outcome.
   * @throws WalletError for everything else
   */
  async attempt(
    method: string,
    parameters: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<RpcOutcome> {
    const reply = await this.#http.send({ method: 'POST', path: `/v1/${method}`, body: { json: parameters } }, signal)
    const error = reply.status >= 400 ? rpcError.safeParse(parseJson(reply.text)) : undefined
    // A rune with a rate refuses with the same code and status as one without the right.
    if (reply.status === 401 && /\brate\b/i.test(error?.data?.message ?? '')) {
      throw new WalletError('rate_limited', `The rune for ${clnService} allows no more calls this minute.`, {
        retryAfterMs: rateLimitMs,
      })
    }
    const code = error?.data?.code
    if ((reply.status === 500 || reply.status === 404) && typeof code === 'number') {
      return { kind: 'error', code, warming: starting.test(error?.data?.message ?? '') }
    }
    const failure = statusError(this.#reader, reply)
    if (failure) throw failure
    return { kind: 'result', reply }
  }

  read<Schema extends z.ZodType>(method: string, reply: WalletReply, schema: Schema): z.output<Schema> {
    return readJson(this.#http.endpoint, method, reply, schema)
  }

  refusal(method: string, { code, warming }: RpcOutcome & { kind: 'error' }): WalletError {
    if (warming) return new WalletError('unavailable', `${clnService} is starting or stopping.`)
    return new WalletError('rejected', `${clnService} refuses ${method} (code ${code}); its log tells why.`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]()
  }
}
