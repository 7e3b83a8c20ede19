import type { z } from 'zod'
import type { Clock } from '../../ports/clock.ts'
import { WalletError } from '../../ports/wallet.ts'
import { parseJson, readJson, statusError } from '../http/read-reply.ts'
import type { WalletReply } from '../http/wallet-http.ts'
import { checkUrl, type GuardedGetOptions, guardedGet } from './guarded-get.ts'
import { lnurlError, payInvoice, payRequest, verification } from './replies.ts'

export interface PayServiceOptions extends GuardedGetOptions {
  /** `name@host[:port]` */
  readonly address: string
  readonly clock: Clock
}

const cachedMs = 10 * 60_000
const defaultRestMs = 5_000
const maxRestMs = 5 * 60_000
const timeoutMs = 10_000

/** The calls of LNURL-pay (LUD-06, LUD-16, LUD-21) to one lightning address. */
export class PayService {
  readonly #options: PayServiceOptions
  readonly #name: string
  readonly #host: string
  #cached: { readonly atMs: number; readonly request: z.output<typeof payRequest> } | undefined
  #restUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: PayServiceOptions) {
    this.#options = options
    const [name = '', host = ''] = options.address.split('@')
    if (name === '' || !URL.canParse(`https://${host}`) || host.includes('/')) {
      throw new WalletError('rejected', 'This is no lightning address; write for example shop@example.com.')
    }
    this.#name = name
    this.#host = host
  }

  /**
   * What the address takes, not older than ten minutes.
   * @throws WalletError
   */
  async payRequest(signal: AbortSignal): Promise<z.output<typeof payRequest>> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#cached && nowMs - this.#cached.atMs < cachedMs) return this.#cached.request
    return await this.readPayRequest(signal)
  }

  /**
   * What the address takes now.
   * @throws WalletError
   */
  async readPayRequest(signal: AbortSignal): Promise<z.output<typeof payRequest>> {
    const { service, allowLoopback, address } = this.#options
    const scheme = allowLoopback ? 'http' : 'https'
    const url = new URL(`${scheme}://${this.#host}/.well-known/lnurlp/${encodeURIComponent(this.#name)}`)
    const reply = await this.#get(url, signal)
    const refusal = readRefusal(reply)
    if (reply.status === 404 || refusal) {
      throw new WalletError(
        'rejected',
        `${this.#host} has no lightning address ${address}${refusal ?? ''}; correct it.`,
      )
    }
    this.#checkStatus(url, reply)
    const request = readJson(this.#endpoint(url), 'the lightning address', reply, payRequest)
    checkUrl(new URL(request.callback), this.#options)
    if (request.minSendable > request.maxSendable) {
      throw new WalletError('protocol', `${service} takes no amount at all; use another address.`)
    }
    this.#cached = { atMs: this.#options.clock.monotonicMs(), request }
    return request
  }

  /**
   * Asks for an invoice (LUD-06, step 5).
   * @throws WalletError
   */
  async fetchInvoice(callback: string, amountMsat: bigint, signal: AbortSignal): Promise<z.output<typeof payInvoice>> {
    const url = new URL(callback)
    url.searchParams.set('amount', String(amountMsat))
    const reply = await this.#get(url, signal)
    const refusal = readRefusal(reply)
    // A status says more than the reason beside it.
    if (refusal === undefined || reply.status === 429 || reply.status >= 500) this.#checkStatus(url, reply)
    if (refusal !== undefined) {
      throw new WalletError('rejected', `${this.#options.service} at ${url.host} refuses an invoice${refusal}.`)
    }
    return readJson(this.#endpoint(url), 'the request for an invoice', reply, payInvoice)
  }

  /**
   * Asks whether an invoice is paid (LUD-21).
   * @returns undefined when the invoice is not known there
   * @throws WalletError
   */
  async verify(url: URL, signal: AbortSignal): Promise<z.output<typeof verification> | undefined> {
    const reply = await this.#get(url, signal)
    if (reply.status === 404) return undefined
    this.#checkStatus(url, reply)
    if (readRefusal(reply) !== undefined) return undefined
    return readJson(this.#endpoint(url), 'the question whether an invoice is paid', reply, verification)
  }

  async #get(url: URL, signal: AbortSignal): Promise<WalletReply> {
    const { clock, service } = this.#options
    const restMs = this.#restUntilMs - clock.monotonicMs()
    if (restMs > 0) {
      throw new WalletError('rate_limited', `${service} limits the rate of calls.`, { retryAfterMs: Math.ceil(restMs) })
    }
    return await guardedGet(url, this.#options, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
  }

  /** After a 429 nothing is asked for a while, as the answer would be the same and count against us. */
  #checkStatus(url: URL, reply: WalletReply): void {
    const { clock } = this.#options
    const whenUnauthorized = 'ask its provider why'
    const error = statusError({ endpoint: this.#endpoint(url), clock, whenUnauthorized }, reply)
    if (!error) return
    if (error.code === 'rate_limited') {
      this.#restUntilMs = clock.monotonicMs() + Math.min(error.retryAfterMs ?? defaultRestMs, maxRestMs)
    }
    throw error
  }

  #endpoint(url: URL) {
    return { service: this.#options.service, host: url.host, secure: url.protocol === 'https:' }
  }
}

/** ` (its reason)` where the answer is an error of LNURL; words that could be secrets are left out of it. */
function readRefusal({ text }: WalletReply): string | undefined {
  const read = lnurlError.safeParse(parseJson(text))
  if (!read.success) return undefined
  const reason = (read.data.reason ?? '')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/[A-Za-z0-9+/=_-]{24,}/g, '…')
    .slice(0, 100)
    .trim()
  return reason === '' ? '' : ` (“${reason}”)`
}
