import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { bech32 } from '@scure/base'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import type { HoldWallet } from '#src/ports/hold-wallet.ts'
import type { InvoiceRequest, IssuedInvoice } from '#src/ports/wallet.ts'

const expirySeconds = 86_400

/** One signed invoice for each amount, whose payment hash is then exchanged. */
interface Template {
  readonly prefix: string
  readonly words: readonly number[]
  /** Of the first word of the payment hash. */
  readonly hashAt: number
  readonly expiresAt: number
}

/**
 * A wallet that answers at once: what is left is the gateway's own work. Its invoices differ in the payment hash alone and
 * nobody could pay them, since their signature is of another one.
 */
export function openStubWallet(): HoldWallet {
  const templates = new Map<bigint, Template>()
  const issue = (request: InvoiceRequest, paymentHash: string): IssuedInvoice => {
    const { amountMsat } = request
    let template = templates.get(amountMsat)
    if (!template) templates.set(amountMsat, (template = signTemplate(request)))
    const { prefix, words, hashAt, expiresAt } = template
    const hashWords = bech32.toWords(Buffer.from(paymentHash, 'hex'))
    const bolt11 = bech32.encode(
      prefix,
      [...words.slice(0, hashAt), ...hashWords, ...words.slice(hashAt + hashWords.length)],
      false,
    )
    return { paymentHash, bolt11, amountMsat, expiresAt, ref: paymentHash }
  }
  return {
    name: 'stub',
    kind: 'dev',
    capabilities: { unitMsat: 1n, network: 'bcrt', lookup: false, push: 'none', preimagePrivate: true },
    start: () => Promise.resolve(),
    createInvoice: (request) => Promise.resolve(issue(request, randomBytes(32).toString('hex'))),
    createHoldInvoice: (request) => Promise.resolve(issue(request, request.paymentHash)),
    lookupHold: () => Promise.resolve('open'),
    async *holdStates(_paymentHash, signal) {
      yield 'open'
      if (!signal.aborted) await once(signal, 'abort')
    },
    settleHold: () => Promise.resolve(),
    cancelHold: () => Promise.resolve(),
    lookup: () => Promise.resolve({ state: 'unknown' }),
    health: () => Promise.resolve({ ok: true, latencyMs: 0, warnings: [] }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function signTemplate({ amountMsat, description }: InvoiceRequest): Template {
  const timestamp = Math.floor(Date.now() / 1000)
  const hash = randomBytes(32).toString('hex')
  const bolt11 = encodeInvoice(
    { network: 'bcrt', amountMsat, paymentHash: hash, paymentSecret: hash, description, timestamp, expirySeconds },
    randomBytes(32),
  )
  const { prefix, words } = bech32.decode(bolt11 as `${string}1${string}`, false)
  return { prefix, words, hashAt: payloadOf('p', words), expiresAt: timestamp + expirySeconds }
}

/** Where the data of a tagged field begins, after the timestamp's 7 words, each field's tag and two words of length. */
function payloadOf(tag: string, words: readonly number[]): number {
  const tagWord = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.indexOf(tag)
  for (let at = 7; at < words.length - 104; ) {
    if (words[at] === tagWord) return at + 3
    at += 3 + (words[at + 1] ?? 0) * 32 + (words[at + 2] ?? 0)
  }
  throw new Error(`the invoice has no field ${tag}`)
}
