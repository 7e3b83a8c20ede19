import { Agent, fetch, type Response } from 'undici'
import { decodeInvoice } from '../bolt11/decode.ts'
import { followJob, type JobListener } from './follow-job.ts'
import { parseChallenge, type ReceivedChallenge } from './parse-challenge.ts'

/**
 * The paying buyer: sends a request, pays the challenge, sends the same request again. It pays at most once: after a
 * failure the same token is tried again, never a new invoice.
 */
export interface Purchase {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The same bytes are sent each time. */
  readonly body: Uint8Array | undefined
}

export interface Buyer extends JobListener {
  /** Asked once, with the price; refusing ends the purchase. */
  readonly accept: (offer: Offer) => boolean | Promise<boolean>
  /** Pays and returns the preimage, 64 hex digits. */
  readonly pay: (invoice: string, signal: AbortSignal) => Promise<string>
  /** Told of each wait before the paid request is sent again. */
  readonly onRetry?: (reason: string, delayMs: number) => void
  /** Told of the credential before it is first used: with it the result can be fetched later. */
  readonly onPaid?: (credential: string) => void
}

export interface Offer {
  /** Standard base64. */
  readonly token: string
  readonly invoice: string
  readonly amountMsat: bigint
  readonly paymentHash: string
  /** The 402's JSON body, when it had one. */
  readonly details: unknown
}

export type PurchaseOutcome =
  /** Something else than 402 came without a payment. */
  | { readonly kind: 'unpaid'; readonly response: Response }
  | { readonly kind: 'bought'; readonly response: Response; readonly amountMsat: bigint; readonly credential: string }
  | { readonly kind: 'declined'; readonly offer: Offer }
  /** Paid, and the answer is still an error; the credential stays good as the answer says. */
  | {
      readonly kind: 'undelivered'
      readonly response: Response
      readonly credential: string
      readonly amountMsat: bigint
    }

/** A generation may take longer than the five minutes after which fetch alone gives up. */
const patient = new Agent({ headersTimeout: 0, bodyTimeout: 0 })

const maxRetries = 30
const longestDelayMs = 60_000

/**
 * Uses a payment that was made before. Where the answer is a job, because the request prefers one, it is followed to its
 * result. @throws Error when the server cannot be reached
 */
export async function redeemAgain(
  purchase: Purchase,
  credential: string,
  listener: Pick<Buyer, 'onRetry' | 'onJob' | 'onState'>,
  signal: AbortSignal,
): Promise<Response> {
  for (let retry = 0; ; retry++) {
    const { response, reason } = await sendAgain(purchase, credential, signal)
    const job = response?.status === 202 ? response.headers.get('location') : null
    if (response && job !== null) {
      await response.body?.cancel()
      const get = (url: string) => send({ method: 'GET', url, headers: {}, body: undefined }, credential, signal)
      return await followJob(
        { get, pause: (ms) => pause(ms, signal), signal },
        new URL(job, purchase.url),
        purchase.url,
        listener,
      )
    }
    if (response?.ok) return response
    const mayRetry = retry < maxRetries && (!response || [409, 425, 429, 502, 503, 504].includes(response.status))
    if (response && (!mayRetry || (await isFinal(response)))) return response
    if (!mayRetry) throw new Error(`the server cannot be reached: ${reason}`)
    const delayMs = retryDelayMs(response, retry)
    listener.onRetry?.(response ? `${response.status}` : (reason ?? ''), delayMs)
    await response?.body?.cancel()
    await pause(delayMs, signal)
  }
}

/** @throws Error when the server cannot be reached or sends a challenge that cannot be paid */
export async function buy(purchase: Purchase, buyer: Buyer, signal: AbortSignal): Promise<PurchaseOutcome> {
  const first = await send(purchase, undefined, signal)
  if (first.status !== 402) return { kind: 'unpaid', response: first }
  const challenge = parseChallenge(first.headers.get('www-authenticate') ?? '')
  if (!challenge) throw new Error('the 402 has no L402 challenge')
  const details: unknown = await first.json().catch(() => undefined)
  return await buyOffer(purchase, offerOf(challenge, details), buyer, signal)
}

/**
 * Goes on with a purchase whose payment was begun before: paying the same invoice again is no second payment.
 * @param details what the 402 said, as far as it is still known
 * @throws Error when the server cannot be reached, or the invoice cannot be paid
 */
export async function resume(
  purchase: Purchase,
  challenge: ReceivedChallenge,
  details: unknown,
  buyer: Buyer,
  signal: AbortSignal,
): Promise<PurchaseOutcome> {
  return await buyOffer(purchase, offerOf(challenge, details), buyer, signal)
}

function offerOf({ token, invoice }: ReceivedChallenge, details: unknown): Offer {
  const { amountMsat, paymentHash } = decodeInvoice(invoice, { signature: 'verify' })
  if (amountMsat === undefined) throw new Error('the invoice has no amount')
  return { token, invoice, amountMsat, paymentHash, details }
}

async function buyOffer(purchase: Purchase, offer: Offer, buyer: Buyer, signal: AbortSignal): Promise<PurchaseOutcome> {
  if (!(await buyer.accept(offer))) return { kind: 'declined', offer }
  const { token, invoice, amountMsat } = offer
  const preimage = await buyer.pay(invoice, signal)
  const credential = `L402 ${token}:${preimage}`
  buyer.onPaid?.(credential)
  const response = await redeemAgain(purchase, credential, buyer, signal)
  return { kind: response.ok ? 'bought' : 'undelivered', response, amountMsat, credential }
}

async function sendAgain(purchase: Purchase, credential: string, signal: AbortSignal) {
  try {
    return { response: await send(purchase, credential, signal), reason: undefined }
  } catch (thrown) {
    if (signal.aborted) throw thrown
    return { response: undefined, reason: thrown instanceof Error ? thrown.message : String(thrown) }
  }
}

function send(
  { method, url, headers, body }: Purchase,
  credential: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  return fetch(url, {
    method,
    headers: { ...headers, ...(credential !== undefined && { authorization: credential }) },
    ...(body !== undefined && { body: new Uint8Array(body) }),
    redirect: 'error',
    signal,
    dispatcher: patient,
  })
}

/** A 409 for a request that differs, and what the seller has given up, do not change by waiting. */
async function isFinal(response: Response): Promise<boolean> {
  const problem: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const code = typeof problem === 'object' && problem !== null && 'code' in problem ? problem.code : undefined
  return code === 'given_up' || code === 'request_mismatch'
}

function retryDelayMs(response: Response | undefined, retry: number): number {
  const seconds = Number(response?.headers.get('retry-after'))
  const asked = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 1000 * 2 ** Math.min(retry, 6)
  return Math.min(asked, longestDelayMs)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        reject(signal.reason as Error)
      },
      { once: true },
    )
  })
}
