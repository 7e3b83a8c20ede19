import { Agent, type Dispatcher } from 'undici'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import type { TestGateway } from './gateway.ts'

/** An answer, read whole. */
export interface Answered {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  readonly bytes: Buffer
  readonly text: string
  /** The body as JSON. */
  json(): Record<string, unknown> & Problem
}

/** What tests look at in JSON answers of the gateway. */
export interface Problem {
  readonly code: string
  readonly payment: { readonly status: string; readonly action: string; readonly reference?: string }
  readonly issues?: readonly { readonly path: string; readonly message: string; readonly allowed?: unknown }[]
  readonly amountMsat: number
  readonly invoice: string
  readonly token: string
  readonly paymentHash: string
}

export interface Sent {
  readonly method?: string
  readonly path: string
  /** An object is sent as JSON. */
  readonly body?: unknown
  readonly headers?: Record<string, string | string[]>
  readonly signal?: AbortSignal
}

// Sends paths as they are given; `fetch` would repair them.
const agent = new Agent({ keepAliveTimeout: 10, keepAliveMaxTimeout: 10, headersTimeout: 0, bodyTimeout: 0 })

export async function send(
  gateway: Pick<TestGateway, 'url'>,
  { method, path, body, headers, signal }: Sent,
): Promise<Answered> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined
  const response = await agent.request({
    origin: gateway.url,
    path,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(!isRaw && { 'content-type': 'application/json' }), ...headers },
    body: isRaw ? (body ?? null) : JSON.stringify(body),
    ...(signal && { signal }),
  })
  const bytes = Buffer.from(await response.body.arrayBuffer())
  return {
    status: response.statusCode,
    headers: response.headers,
    bytes,
    text: bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as ReturnType<Answered['json']>,
  }
}

/** A payment that was made and not used yet. */
export interface Payment {
  readonly token: string
  readonly preimage: string
  readonly paymentHash: string
  readonly amountMsat: number
  readonly authorization: { readonly authorization: string }
}

/** A gateway, in this process or another, and whoever pays its invoices. */
export type Shop = Pick<TestGateway, 'url'> & { readonly wallet: Pick<TestGateway['wallet'], 'pay'> }

/** Asks for a challenge and pays it, with the gateway's development wallet unless another payer is given. */
export async function payFor(
  gateway: Shop,
  request: Sent,
  payer: { pay(bolt11: string): Promise<string> } = gateway.wallet,
): Promise<Payment> {
  const challenged = await send(gateway, request)
  if (challenged.status !== 402) throw new Error(`no challenge but ${challenged.status}: ${challenged.text}`)
  const header = challenged.headers['www-authenticate']
  const challenge = parseChallenge(Array.isArray(header) ? header.join(', ') : (header ?? ''))
  if (!challenge) throw new Error(`a 402 without a challenge: ${String(header)}`)
  const preimage = await payer.pay(challenge.invoice)
  const { paymentHash, amountMsat } = challenged.json()
  const { token } = challenge
  return { token, preimage, paymentHash, amountMsat, authorization: { authorization: `L402 ${token}:${preimage}` } }
}

/** Pays and redeems: the answer of the paid request. */
export async function buyFrom(gateway: TestGateway, request: Sent): Promise<Answered> {
  const { authorization } = await payFor(gateway, request)
  return await send(gateway, { ...request, headers: { ...request.headers, ...authorization } })
}

/** The same request with the payment's credential. */
export const paid = (request: Sent, payment: Payment): Sent => ({
  ...request,
  headers: { ...request.headers, ...payment.authorization },
})
