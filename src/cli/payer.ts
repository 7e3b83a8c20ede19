import { createInterface } from 'node:readline/promises'
import { renderUnicodeCompact } from 'uqr'
import { decodeInvoice } from '../bolt11/decode.ts'
import type { Buyer, Offer } from '../client/buy.ts'
import type { ReceivedChallenge } from '../client/parse-challenge.ts'
import { preimageMatches } from '../l402/token.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import { adminUrl, payOrExplain } from './pay.ts'

/** How far the payment of a purchase has come. */
export interface PaymentProgress {
  /** What is being paid. */
  pending: ReceivedChallenge | undefined
  /** The seller takes the money when the result is stored. */
  held: boolean
  /** It is paid. */
  credential: string | undefined
}

export interface PayerValues {
  readonly 'max-sats'?: string | undefined
  readonly 'dev-wallet': string
}

/** Who pays for `turnpike buy`: the development wallet, or a person with another one. @throws CommandError */
export function payer(values: PayerValues, say: (text: string) => void, progress: PaymentProgress): Buyer {
  const maxSats = values['max-sats'] === undefined ? undefined : Number(values['max-sats'])
  if (maxSats !== undefined && !(maxSats >= 0)) throw new CommandError(exitCodes.usage, '--max-sats needs a number')
  return {
    accept(offer: Offer) {
      const allowed = maxSats === undefined || offer.amountMsat <= BigInt(Math.floor(maxSats * 1000))
      if (!allowed) return false
      say(`Price: ${sats(offer.amountMsat)}${linesOf(offer.details)}`)
      progress.pending = { token: offer.token, invoice: offer.invoice }
      progress.held = isHeld(offer.details)
      return true
    },
    async pay(invoice, signal) {
      if (!/^lnbcrt/i.test(invoice)) return await askForPreimage(invoice, say, progress.held, signal)
      if (progress.held) say('Payment held: it is taken when the result is there, and let go when there is none …')
      const preimage = await payOrExplain(adminUrl(values['dev-wallet']), invoice, signal)
      say('Paid with the development wallet.')
      return preimage
    },
    onPaid(credential) {
      progress.credential = credential
    },
  }
}

/**
 * Shows the invoice for a wallet elsewhere and waits for the preimage it gives.
 * @throws CommandError when nobody will give it; the signal's reason once it aborts
 */
async function askForPreimage(
  invoice: string,
  say: (text: string) => void,
  held: boolean,
  signal: AbortSignal,
): Promise<string> {
  say(`\n${renderUnicodeCompact(`lightning:${invoice.toUpperCase()}`, { border: 2 })}\n\n${invoice}\n`)
  if (held)
    say(
      'The payment is held: your wallet shows the preimage when the result is there. If it says that the payment\n' +
        'failed, nothing was delivered and nothing is charged.',
    )
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  // An answer that never comes would end the process without a word, and the token with it.
  const closed = new AbortController()
  prompt.once('close', () => closed.abort(new CommandError(exitCodes.failed, 'no preimage was given')))
  const over = AbortSignal.any([signal, closed.signal])
  const ask = () =>
    prompt
      .question('Pay this invoice, then paste the preimage (64 hex digits): ', { signal: over })
      .catch((thrown: unknown) => {
        throw over.aborted ? over.reason : thrown
      })
  try {
    for (;;) {
      const answer = (await ask()).trim()
      if (/^[0-9a-fA-F]{64}$/.test(answer) && preimageMatches(answer, paymentHashOf(invoice)))
        return answer.toLowerCase()
      say('That is not the preimage of this invoice.')
    }
  } finally {
    prompt.close()
  }
}

const isHeld = (details: unknown): boolean =>
  typeof details === 'object' && details !== null && 'charge' in details && details.charge === 'on_delivery'

function linesOf(details: unknown): string {
  const price = (details as { price?: { lines?: { label?: unknown }[] } } | undefined)?.price
  const labels = (price?.lines ?? []).map(({ label }) => String(label))
  return labels.length === 0 ? '' : ` (${labels.join(' + ')})`
}

const paymentHashOf = (invoice: string): Buffer =>
  Buffer.from(decodeInvoice(invoice, { signature: 'skip' }).paymentHash, 'hex')

export const sats = (msat: bigint): string => `${Number(msat) / 1000} sats`
