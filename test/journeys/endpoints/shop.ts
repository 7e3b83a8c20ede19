import bolt11 from 'bolt11'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import { type Answered, type Sent, send } from '../../support/buyer.ts'
import { openExampleGateway } from '../../support/example-gateway.ts'
import type { TestGateway } from '../../support/gateway.ts'
import { type Answer, openUpstream, type TestUpstream } from '../../support/upstream.ts'
import { type Endpoint, seedCommands } from './seed-commands.ts'

/** The shipped example gateway before an upstream that remembers its calls. */
export interface Shop extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
}

export async function openShop(answer?: Answer): Promise<Shop> {
  const upstream = await openUpstream(answer)
  const gateway = await openExampleGateway(upstream.url, { logLevel: 'info' })
  return {
    gateway,
    upstream,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

export const request = (endpoint: Endpoint, body: unknown): Sent => ({
  path: seedCommands[endpoint].path,
  body,
  // A body given as text is the JSON itself.
  ...(typeof body === 'string' && { headers: { 'content-type': 'application/json' } }),
})

/** What became of a request without a payment, in all the places that say so. */
interface Outcome {
  readonly status: number
  readonly code: string
  /** The value of `L402-Payment`, which is also in the body. */
  readonly money: string
  /** Every JSON path that has an issue, sorted; undefined: none is given. */
  readonly at: readonly string[] | undefined
  readonly challenge: Challenge | undefined
  /** Amounts of the invoices that the wallet was asked for. */
  readonly invoicedMsat: readonly bigint[]
  readonly upstreamCalls: number
}

interface Challenge {
  /** By header, read by npm `bolt11`. */
  readonly headerMsat: string | null | undefined
  /** By body, read by our own decoder, with its signature. */
  readonly bodyMsat: bigint | undefined
  readonly amountMsat: unknown
  readonly amountSats: unknown
  readonly priceSats: unknown
  readonly inputs: unknown
}

/** Sends a request without a payment and looks at everything that came of it. */
export async function outcomeOf({ gateway, upstream }: Shop, sent: Sent): Promise<Outcome> {
  const [invoices, calls] = [gateway.wallet.asked.length, upstream.calls.length]
  const answer = await send(gateway, sent)
  const problem = answer.json()
  const header = String(answer.headers['l402-payment'])
  return {
    status: answer.status,
    code: problem.code,
    money: header === problem.payment.status ? header : `${header}, but ${problem.payment.status} in the body`,
    at: problem.issues && [...new Set(problem.issues.map(({ path }) => path))].sort(),
    challenge: readChallenge(answer),
    invoicedMsat: gateway.wallet.asked.slice(invoices).map(({ amountMsat }) => amountMsat),
    upstreamCalls: upstream.calls.length - calls,
  }
}

function readChallenge(answer: Answered): Challenge | undefined {
  const header = answer.headers['www-authenticate']
  if (header === undefined && !answer.text.includes('lnbc')) return undefined
  const body = answer.json()
  return {
    headerMsat: bolt11.decode(parseChallenge(String(header))?.invoice ?? '').millisatoshis,
    bodyMsat: decodeInvoice(body.invoice, { signature: 'verify' }).amountMsat,
    amountMsat: body.amountMsat,
    amountSats: body.amountSats,
    priceSats: body.priceSats,
    inputs: (body.price as { inputs: unknown }).inputs,
  }
}

/** The request is for sale: one invoice was made, over exactly this price, and nothing has run. */
export function offer(sats: number, inputs: Readonly<Record<string, string>> = {}): Outcome {
  const msat = BigInt(sats) * 1000n
  return {
    status: 402,
    code: 'payment_required',
    money: 'required',
    at: undefined,
    challenge: {
      headerMsat: String(msat),
      bodyMsat: msat,
      amountMsat: Number(msat),
      amountSats: sats,
      priceSats: sats,
      inputs,
    },
    invoicedMsat: [msat],
    upstreamCalls: 0,
  }
}

/** The request is refused before anything was asked of the wallet or the upstream. */
export function refusal({
  status = 400,
  code = 'invalid_request',
  at,
}: {
  readonly status?: number
  readonly code?: string
  readonly at?: readonly string[] | undefined
}): Outcome {
  return {
    status,
    code,
    money: 'not-charged',
    at: at && [...at].sort(),
    challenge: undefined,
    invoicedMsat: [],
    upstreamCalls: 0,
  }
}
