import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { featuresToWords } from '#src/bolt11/features.ts'
import { signInvoice } from '#src/bolt11/signature.ts'
import { bytesToWords, numberToWords } from '#src/bolt11/words.ts'

/** A tagged field as it will stand in the invoice, however wrong: type and data words. */
export type RawField = readonly [type: number, words: readonly number[]]

export const secretKey = hexToBytes('01'.repeat(32))

/** Fields that make a sound invoice; a test replaces or adds what it is about. */
export const soundFields: Record<'p' | 's' | 'd' | 'features', RawField> = {
  p: [1, bytesToWords(hexToBytes('aa'.repeat(32)))],
  s: [16, bytesToWords(hexToBytes('bb'.repeat(32)))],
  d: [13, bytesToWords(utf8ToBytes('tea'))],
  features: [5, featuresToWords([8, 14])],
}

/** Writes what `encodeInvoice` never would: any fields under any prefix, with a true signature and checksum. */
export function writeInvoice({
  prefix = 'lnbcrt10n',
  timestamp = 1_700_000_000,
  fields = Object.values(soundFields),
  tail = [],
}: {
  prefix?: string
  timestamp?: number
  fields?: readonly RawField[]
  /** Words after the last field. */
  tail?: readonly number[]
} = {}): string {
  const data = fields.flatMap(([type, words]) => [type, words.length >> 5, words.length & 31, ...words])
  return signInvoice(prefix, [...numberToWords(timestamp, 7), ...data, ...tail], secretKey)
}
