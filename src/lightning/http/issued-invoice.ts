import { type DecodedInvoice, decodeInvoice } from '../../bolt11/decode.ts'
import { InvoiceError } from '../../bolt11/invoice-error.ts'
import { type IssuedInvoice, WalletError } from '../../ports/wallet.ts'

const msatPerSat = 1000n
/** What a JSON number can say exactly. */
export const maxJsonMsat = BigInt(Number.MAX_SAFE_INTEGER)
export const maxJsonSatMsat = (maxJsonMsat / msatPerSat) * msatPerSat

/**
 * The amount as a JSON number of satoshi, for wallets that know nothing smaller.
 * @throws WalletError `bad_amount`
 */
export function wholeSats(service: string, amountMsat: bigint): number {
  if (amountMsat <= 0n || amountMsat % msatPerSat !== 0n || amountMsat > maxJsonSatMsat) {
    throw new WalletError('bad_amount', `${service} asks for whole satoshi only, and not for ${amountMsat} msat.`)
  }
  return Number(amountMsat / msatPerSat)
}

/** @throws WalletError `bad_amount` */
export function jsonMsat(service: string, amountMsat: bigint): number {
  if (amountMsat <= 0n || amountMsat > maxJsonMsat) {
    throw new WalletError('bad_amount', `${service} cannot ask for ${amountMsat} msat.`)
  }
  return Number(amountMsat)
}

/**
 * What a wallet said of an invoice, with the expiry that the invoice itself states. Whether the two agree is checked by
 * whoever sells on it.
 * @throws WalletError `protocol` when it is not an invoice
 */
export function toIssued(
  service: string,
  said: { readonly bolt11: string; readonly paymentHash?: string | undefined; readonly amountMsat: bigint },
  ref?: string,
): IssuedInvoice {
  const invoice = decode(service, said.bolt11)
  const paymentHash = said.paymentHash ?? invoice.paymentHash
  return {
    paymentHash,
    bolt11: said.bolt11,
    amountMsat: said.amountMsat,
    expiresAt: invoice.expiresAt,
    ref: ref ?? paymentHash,
  }
}

/** Undefined where the text is no invoice. */
export function tryDecode(bolt11: string | undefined): DecodedInvoice | undefined {
  try {
    return bolt11 === undefined ? undefined : decodeInvoice(bolt11, { signature: 'skip' })
  } catch (thrown) {
    if (!(thrown instanceof InvoiceError)) throw thrown
    return undefined
  }
}

function decode(service: string, bolt11: string): DecodedInvoice {
  try {
    return decodeInvoice(bolt11, { signature: 'skip' })
  } catch (thrown) {
    if (!(thrown instanceof InvoiceError)) throw thrown
    throw new WalletError('protocol', `${service} issued an invoice that cannot be read. ${thrown.message}`)
  }
}
