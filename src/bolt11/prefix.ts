import { decodeAmount, encodeAmount } from './amount.ts'
import { InvoiceError } from './invoice-error.ts'

/** The networks of BOLT 11 by their prefix: mainnet, testnet, signet, regtest. */
export type InvoiceNetwork = 'bc' | 'tb' | 'tbs' | 'bcrt'

export interface InvoicePrefix {
  readonly network: InvoiceNetwork
  /** Undefined: the payer may choose. */
  readonly amountMsat: bigint | undefined
}

const networks = ['bc', 'tb', 'tbs', 'bcrt'] as const satisfies readonly InvoiceNetwork[]

/** An amount begins with a digit and no network holds one, so the first digit ends the network. */
const prefixText = /^ln([a-z]+)([0-9].*)?$/

/**
 * The human-readable part: `ln`, network, amount (BOLT 11, "Human-Readable Part").
 * @throws InvoiceError `bad_amount`
 */
export function encodePrefix({ network, amountMsat }: InvoicePrefix): string {
  return `ln${network}${amountMsat === undefined ? '' : encodeAmount(amountMsat)}`
}

/**
 * Reads the human-readable part (BOLT 11, "Human-Readable Part").
 * @param text in lower case
 * @throws InvoiceError `unknown_network`, `bad_amount`
 */
export function decodePrefix(text: string): InvoicePrefix {
  const [, name, amount] = prefixText.exec(text) ?? []
  const network = networks.find((known) => known === name)
  if (!network) throw new InvoiceError('unknown_network', 'This is not an invoice of a bitcoin network.')
  return { network, amountMsat: amount === undefined ? undefined : decodeAmount(amount) }
}
