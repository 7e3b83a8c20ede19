import * as fc from 'fast-check'
import { maxAmountMsat } from '#src/bolt11/amount.ts'
import type { InvoicePurpose, NewInvoice } from '#src/bolt11/encode.ts'
import type { InvoiceNetwork } from '#src/bolt11/prefix.ts'

const hex32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))

const amount = fc.oneof(
  fc.bigInt(1n, 10n ** 9n),
  fc.bigInt(1n, maxAmountMsat),
  // Round amounts, which use every multiplier.
  fc.tuple(fc.bigInt(1n, 999n), fc.nat(15)).map(([count, zeros]) => count * 10n ** BigInt(zeros)),
)

const purpose: fc.Arbitrary<InvoicePurpose> = fc.oneof(
  fc
    .string({ unit: 'binary', maxLength: 639 })
    .filter((text) => Buffer.byteLength(text) <= 639)
    .map((description) => ({ description })),
  hex32.map((descriptionHash) => ({ descriptionHash })),
)

export const anySecretKey = fc
  .bigInt(1n, 2n ** 255n)
  .map((scalar) => new Uint8Array(Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex')))

/** Invoices of every kind `encodeInvoice` can write, with times that a JavaScript `Date` can hold. */
export function anyInvoice(
  networks: readonly InvoiceNetwork[] = ['bc', 'tb', 'tbs', 'bcrt'],
): fc.Arbitrary<NewInvoice & { readonly amountMsat: bigint }> {
  const fields = fc.record(
    {
      network: fc.constantFrom(...networks),
      amountMsat: amount,
      paymentHash: hex32,
      paymentSecret: hex32,
      timestamp: fc.integer({ min: 1, max: 2 ** 35 - 1 }),
      expirySeconds: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      minFinalCltvExpiry: fc.integer({ min: 1, max: 0xffff }),
      includePayee: fc.boolean(),
    },
    { requiredKeys: ['network', 'amountMsat', 'paymentHash', 'paymentSecret', 'timestamp', 'expirySeconds'] },
  )
  return fc.tuple(fields, purpose).map(([parts, text]) => ({ ...parts, ...text }))
}
