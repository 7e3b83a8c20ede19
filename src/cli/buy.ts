import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import type { Response } from 'undici'
import { renderUnicodeCompact } from 'uqr'
import { decodeInvoice } from '../bolt11/decode.ts'
import { type Buyer, type Offer, buy as purchase, redeemAgain } from '../client/buy.ts'
import type { JobListener } from '../client/follow-job.ts'
import { preimageMatches } from '../l402/token.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { adminUrl, defaultAdmin, payOrExplain } from './pay.ts'
import { readRequestArguments, requestOptions } from './request-arguments.ts'

const buyOptions = {
  ...requestOptions,
  output: { type: 'string', short: 'o' },
  'max-sats': { type: 'string' },
  /** Where the development wallet is; invoices of other networks are shown for another wallet to pay. */
  'dev-wallet': { type: 'string', default: defaultAdmin },
  /** Uses a payment made before instead of making a new one. */
  credential: { type: 'string' },
  /** Asks for a job, and then for its result. */
  async: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** `turnpike buy`: a real paying client. The result goes to standard output or `-o`, everything else to standard error. */
export async function buy(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: buyOptions })
  const described = await readRequestArguments(positionals, values)
  const headers = { ...described.headers, ...(values.async && { prefer: 'respond-async' }) }
  const request = { ...described, headers }
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort(new CommandError(exitCodes.failed, 'interrupted')))
  const say = (text: string): void => console.error(text)
  const onRetry = (reason: string, delayMs: number) =>
    say(`Not there yet (${reason}); trying the same payment again in ${Math.ceil(delayMs / 1000)} s …`)
  const tell: JobListener = {
    onJob: (url) => say(`Taken as a job: ${url}`),
    onState: (state, delayMs) => say(`The job is ${state}; asking again in ${Math.ceil(delayMs / 1000)} s …`),
  }
  const finish = (response: Response, paidMsat: bigint, credential: string | undefined) =>
    write(response, { output: values.output, json: values.json ?? false, paidMsat, credential })
  let paid: string | undefined
  try {
    if (values.credential !== undefined) {
      return await finish(
        await redeemAgain(request, values.credential, { onRetry, ...tell }, interrupted.signal),
        0n,
        values.credential,
      )
    }
    const outcome = await purchase(
      request,
      { ...payer(values, say), ...tell, onRetry, onPaid: (credential) => (paid = credential) },
      interrupted.signal,
    )
    switch (outcome.kind) {
      case 'unpaid':
        return await finish(outcome.response, 0n, undefined)
      case 'bought':
        return await finish(outcome.response, outcome.amountMsat, undefined)
      case 'undelivered':
        say(`Paid but not delivered. The payment is kept; try again later with --credential '${outcome.credential}'`)
        return await finish(outcome.response, outcome.amountMsat, outcome.credential)
      case 'declined':
        throw new CommandError(
          exitCodes.refused,
          `${sats(outcome.offer.amountMsat)} is above --max-sats ${values['max-sats']}; nothing was paid`,
        )
    }
  } catch (thrown) {
    if (paid !== undefined)
      say(`Paid but not delivered. The payment is kept; try again later with --credential '${paid}'`)
    if (thrown instanceof CommandError) throw thrown
    throw new CommandError(exitCodes.unavailable, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

interface PayerValues {
  readonly 'max-sats'?: string | undefined
  readonly 'dev-wallet': string
}

function payer(values: PayerValues, say: (text: string) => void): Buyer {
  const maxSats = values['max-sats'] === undefined ? undefined : Number(values['max-sats'])
  if (maxSats !== undefined && !(maxSats >= 0)) throw new CommandError(exitCodes.usage, '--max-sats needs a number')
  return {
    accept(offer: Offer) {
      const allowed = maxSats === undefined || offer.amountMsat <= BigInt(Math.floor(maxSats * 1000))
      if (allowed) say(`Price: ${sats(offer.amountMsat)}${linesOf(offer.details)}`)
      return allowed
    },
    async pay(invoice) {
      if (/^lnbcrt/i.test(invoice)) {
        const preimage = await payOrExplain(adminUrl(values['dev-wallet']), invoice)
        say('Paid with the development wallet.')
        return preimage
      }
      return await askForPreimage(invoice, say)
    },
  }
}

/** Shows the invoice for a wallet elsewhere and waits for the preimage it gives. */
async function askForPreimage(invoice: string, say: (text: string) => void): Promise<string> {
  say(`\n${renderUnicodeCompact(`lightning:${invoice.toUpperCase()}`, { border: 2 })}\n\n${invoice}\n`)
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    for (;;) {
      const answer = (await prompt.question('Pay this invoice, then paste the preimage (64 hex digits): ')).trim()
      if (/^[0-9a-fA-F]{64}$/.test(answer) && preimageMatches(answer, paymentHashOf(invoice)))
        return answer.toLowerCase()
      say('That is not the preimage of this invoice.')
    }
  } finally {
    prompt.close()
  }
}

interface WriteOptions {
  readonly output: string | undefined
  readonly json: boolean
  readonly paidMsat: bigint
  readonly credential: string | undefined
}

async function write(response: Response, { output, json, paidMsat, credential }: WriteOptions): Promise<ExitCode> {
  const contentType = response.headers.get('content-type') ?? 'application/octet-stream'
  if (json) {
    const body = Buffer.from(await response.arrayBuffer())
    const text = /^(?:text\/|application\/(?:json|problem\+json))/.test(contentType)
    const result = text ? { body: body.toString() } : { bodyBase64: body.toString('base64') }
    const payment = response.headers.get('l402-payment')
    console.log(
      JSON.stringify({
        status: response.status,
        contentType,
        payment,
        paidMsat: Number(paidMsat),
        credential,
        ...result,
      }),
    )
  } else if (response.body) {
    const target = output === undefined ? process.stdout : createWriteStream(output)
    await pipeline(Readable.fromWeb(response.body), target, { end: output !== undefined })
    if (output !== undefined) console.error(`${contentType} written to ${output}`)
  }
  if (response.ok) return exitCodes.ok
  if (response.status === 404) return exitCodes.notFound
  return response.status >= 500 ? exitCodes.unavailable : exitCodes.refused
}

function linesOf(details: unknown): string {
  const price = (details as { price?: { lines?: { label?: unknown }[] } } | undefined)?.price
  const labels = (price?.lines ?? []).map(({ label }) => String(label))
  return labels.length === 0 ? '' : ` (${labels.join(' + ')})`
}

const paymentHashOf = (invoice: string): Buffer =>
  Buffer.from(decodeInvoice(invoice, { signature: 'skip' }).paymentHash, 'hex')

const sats = (msat: bigint): string => `${Number(msat) / 1000} sats`
