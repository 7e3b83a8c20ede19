import { createHash } from 'node:crypto'
import type { HoldState } from '../ports/hold-wallet.ts'
import { WalletError } from '../ports/wallet.ts'

const rank: Readonly<Record<HoldState, number>> = { unknown: 0, open: 1, accepted: 2, settled: 3, cancelled: 3 }

/** Nothing can come after it. */
export const isOver = (state: HoldState): boolean => rank[state] === 3

/** Whether a report says something new. What is repeated or comes late is behind what was shown. */
export const isAhead = (state: HoldState, shown: HoldState | undefined): boolean =>
  shown === undefined || rank[state] > rank[shown]

/**
 * The 32 bytes of a payment hash.
 * @throws WalletError `rejected`: a wallet asked with anything else could mean another payment
 */
export function hashBytes(paymentHash: string): Buffer {
  if (!/^[0-9a-f]{64}$/.test(paymentHash)) throw rejected('A payment hash is 64 lower-case hex digits.')
  return Buffer.from(paymentHash, 'hex')
}

/**
 * The 32 bytes of the preimage. Wallets find the invoice by the preimage alone, so that of another would take another
 * payment, perhaps one of another program.
 * @throws WalletError `rejected` when it does not belong to the hash
 */
export function preimageBytes(paymentHash: string, preimage: string): Buffer {
  const bytes = Buffer.from(preimage, 'hex')
  const isIts = bytes.length === 32 && createHash('sha256').update(bytes).digest().equals(hashBytes(paymentHash))
  if (!isIts) throw rejected('The preimage does not belong to this payment hash.')
  return bytes
}

export const rejected = (message: string): WalletError => new WalletError('rejected', message)
