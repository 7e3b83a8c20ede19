import { type DecodedInvoice, decodeInvoice } from '../bolt11/decode.ts'
import { InvoiceError } from '../bolt11/invoice-error.ts'
import { type InvoiceRequest, type IssuedInvoice, type Network, WalletError } from '../ports/wallet.ts'

export interface IssuedCircumstances {
  /** The wallet's network; undefined where it is not known. */
  readonly network: Network | undefined
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** A year, as for tokens. */
const longestExpirySeconds = 366 * 24 * 3600

/** What a wallet finds an invoice by may be kept for as long as a token lives, so it must not be long: this is a very long URL. */
const longestRef = 768

/** What the invoice itself says, whatever the wallet said about it. */
export interface CheckedInvoice {
  /** 64 lower-case hex digits. */
  readonly paymentHash: string
  /** Unix seconds. */
  readonly expiresAt: number
}

/**
 * Checks what a wallet issued against what it was asked for, before anything is sold on the strength of it: a wallet is
 * another program, often another company. The invoice must be readable and carry the issued payment hash, exactly the
 * asked amount, the wallet's network (`lnbcrt` only where the wallet is known to be on it), a description or its hash,
 * and at least half the asked time, but no more than a year. What the wallet finds it by must be short.
 *
 * The signature is not verified: whoever pays does that, a forged one would only make the invoice unpayable, and it
 * would cost a millisecond of every challenge.
 * @throws WalletError `protocol` naming everything that is wrong
 */
export function checkIssued(
  issued: IssuedInvoice,
  request: Pick<InvoiceRequest, 'amountMsat' | 'expirySeconds'>,
  circumstances: IssuedCircumstances,
): CheckedInvoice {
  const invoice = readIssued(issued.bolt11)
  const problems = [
    hashProblem(issued, invoice),
    amountProblem(issued, invoice, request.amountMsat),
    networkProblem(invoice, circumstances.network),
    expiryProblem(invoice, request.expirySeconds, circumstances.nowMs),
    descriptionProblem(invoice),
    refProblem(issued),
  ].filter((problem) => problem !== undefined)
  if (problems.length > 0) {
    throw new WalletError('protocol', `The wallet issued an invoice that cannot be used: ${problems.join('; ')}.`)
  }
  return { paymentHash: invoice.paymentHash, expiresAt: invoice.expiresAt }
}

function readIssued(bolt11: string): DecodedInvoice {
  try {
    return decodeInvoice(bolt11, { signature: 'skip' })
  } catch (thrown) {
    if (!(thrown instanceof InvoiceError)) throw thrown
    throw new WalletError('protocol', `The wallet issued an invoice that cannot be read. ${thrown.message}`, {
      cause: thrown,
    })
  }
}

function hashProblem(issued: IssuedInvoice, invoice: DecodedInvoice): string | undefined {
  return invoice.paymentHash === issued.paymentHash ? undefined : 'its payment hash is not the one the wallet named'
}

function amountProblem(issued: IssuedInvoice, invoice: DecodedInvoice, askedMsat: bigint): string | undefined {
  if (invoice.amountMsat === undefined) return 'it leaves the amount to the payer'
  if (invoice.amountMsat !== askedMsat) return `it asks for ${invoice.amountMsat} msat instead of ${askedMsat}`
  if (issued.amountMsat !== askedMsat) return `the wallet named ${issued.amountMsat} msat instead of ${askedMsat}`
  return undefined
}

function networkProblem({ network }: DecodedInvoice, walletNetwork: Network | undefined): string | undefined {
  if (walletNetwork === undefined) {
    return network === 'bcrt' ? 'it is for regtest (lnbcrt), whose coins are worth nothing' : undefined
  }
  return network === walletNetwork ? undefined : `it is for the network ln${network} instead of ln${walletNetwork}`
}

function expiryProblem({ expiresAt }: DecodedInvoice, askedSeconds: number, nowMs: number): string | undefined {
  const leftSeconds = expiresAt - nowMs / 1000
  if (leftSeconds > longestExpirySeconds) return 'it can be paid for longer than any token lives'
  if (leftSeconds <= 0) return 'it has expired already'
  if (leftSeconds * 2 < askedSeconds) {
    return `it can be paid for ${Math.floor(leftSeconds)} s only, where ${askedSeconds} s were asked for`
  }
  return undefined
}

function descriptionProblem({ description, descriptionHash }: DecodedInvoice): string | undefined {
  return description === undefined && descriptionHash === undefined ? 'it says nothing of what is bought' : undefined
}

function refProblem({ ref }: IssuedInvoice): string | undefined {
  return ref.length > longestRef ? `what it is to be found by is longer than ${longestRef} characters` : undefined
}
