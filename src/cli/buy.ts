import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import type { Response } from 'undici'
import { buy as purchase, redeemAgain, resume } from '../client/buy.ts'
import type { JobListener } from '../client/follow-job.ts'
import type { ReceivedChallenge } from '../client/parse-challenge.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { defaultAdmin } from './pay.ts'
import { type PaymentProgress, payer, sats } from './payer.ts'
import { readRequestArguments, requestOptions } from './request-arguments.ts'

const buyOptions = {
  ...requestOptions,
  output: { type: 'string', short: 'o' },
  'max-sats': { type: 'string' },
  /** Where the development wallet is; invoices of other networks are shown for another wallet to pay. */
  'dev-wallet': { type: 'string', default: defaultAdmin },
  /** Uses a payment made before instead of making a new one. */
  credential: { type: 'string' },
  /** Goes on with a payment that was begun before. */
  resume: { type: 'string' },
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
  const interrupt = () => interrupted.abort(new CommandError(exitCodes.failed, 'interrupted'))
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, interrupt)
  const say = (text: string): void => console.error(text)
  const onRetry = (reason: string, delayMs: number) =>
    say(`Not there yet (${reason}); trying the same payment again in ${Math.ceil(delayMs / 1000)} s …`)
  const tell: JobListener = {
    onJob: (url) => say(`Taken as a job: ${url}`),
    onState: (state, delayMs) => say(`The job is ${state}; asking again in ${Math.ceil(delayMs / 1000)} s …`),
  }
  const progress: PaymentProgress = { pending: undefined, held: false, credential: undefined }
  const finish = (response: Response, paidMsat: bigint, credential: string | undefined) =>
    write(response, { output: values.output, json: values.json ?? false, paidMsat, credential, held: progress.held })
  try {
    if (values.credential !== undefined) {
      const response = await redeemAgain(request, values.credential, { onRetry, ...tell }, interrupted.signal)
      return await finish(response, 0n, values.credential)
    }
    const buyer = { ...payer(values, say, progress), ...tell, onRetry }
    const begun = values.resume === undefined ? undefined : readResume(values.resume)
    const outcome = await (begun
      ? resume(request, begun.challenge, begun.details, buyer, interrupted.signal)
      : purchase(request, buyer, interrupted.signal))
    switch (outcome.kind) {
      case 'unpaid':
        return await finish(outcome.response, 0n, undefined)
      case 'bought':
        if (progress.held) say(`Delivered, paid ${sats(outcome.amountMsat)}.`)
        return await finish(outcome.response, outcome.amountMsat, undefined)
      case 'undelivered':
        say(`Paid but not delivered. The payment is kept; try again later with --credential '${outcome.credential}'`)
        return await finish(outcome.response, outcome.amountMsat, outcome.credential)
      case 'declined':
        throw new CommandError(
          exitCodes.refused,
          `${sats(outcome.offer.amountMsat)} is above --max-sats ${values['max-sats']}; nothing was paid${begun ? ' now' : ''}`,
        )
    }
  } catch (thrown) {
    explainPayment(thrown, progress, values.json ?? false)
    if (thrown instanceof CommandError) throw thrown
    throw new CommandError(exitCodes.unavailable, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/** Says what became of the payment of a purchase that has ended without an answer, and how to go on with it. */
function explainPayment(thrown: unknown, { pending, held, credential }: PaymentProgress, json: boolean): void {
  if (credential !== undefined) {
    console.error(`Paid but not delivered. The payment is kept; try again later with --credential '${credential}'`)
    return
  }
  if (!pending) return
  const ended = thrown instanceof CommandError ? thrown.exitCode : undefined
  if (ended === exitCodes.refused) return
  if (ended === exitCodes.notDelivered) {
    if (json) console.log(JSON.stringify({ ...heldFate, payment: 'not-charged' }))
    return
  }
  const resumable = `${pending.token}:${pending.invoice}${held ? ':held' : ''}`
  const state = held ? 'The payment may be held.' : 'The payment may have been made.'
  console.error(`${state} Run the same again with --resume '${resumable}' to go on with it.`)
  const fate = held ? { ...heldFate, payment: 'held' } : { charge: 'upfront', delivered: false, payment: 'unknown' }
  if (json) console.log(JSON.stringify({ ...fate, resume: resumable }))
}

const heldFate = { charge: 'on_delivery', delivered: false, paidMsat: 0 }

/** @throws CommandError */
function readResume(text: string): { challenge: ReceivedChallenge; details: unknown } {
  const [, token, invoice, held] = /^([A-Za-z0-9+/=_-]+):(ln[0-9A-Za-z]+)(:held)?$/.exec(text) ?? []
  if (token === undefined || invoice === undefined)
    throw new CommandError(exitCodes.usage, '--resume needs TOKEN:INVOICE, as an interrupted purchase printed it')
  return { challenge: { token, invoice }, details: { charge: held ? 'on_delivery' : 'upfront' } }
}

interface WriteOptions {
  readonly output: string | undefined
  readonly json: boolean
  readonly paidMsat: bigint
  readonly credential: string | undefined
  /** The payment was held until the result was stored. */
  readonly held: boolean
}

async function write(
  response: Response,
  { output, json, paidMsat, credential, held }: WriteOptions,
): Promise<ExitCode> {
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
        ...(held && { charge: 'on_delivery', delivered: response.ok }),
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
