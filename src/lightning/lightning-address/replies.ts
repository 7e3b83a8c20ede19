import { z } from 'zod'
import { hash32 } from '../http/reply-fields.ts'

const positiveMsat = z.union([z.int().positive(), z.string().regex(/^[1-9][0-9]{0,15}$/)]).transform(BigInt)

/** `status: ERROR` stands in answers of HTTP 200 too (LUD-06). */
export const lnurlError = z.object({
  status: z.string().regex(/^error$/i),
  reason: z.string().optional(),
})

/** LUD-06, step 3; amounts in msat. */
export const payRequest = z.object({
  tag: z.literal('payRequest'),
  callback: z.url(),
  minSendable: positiveMsat,
  maxSendable: positiveMsat,
  metadata: z.string(),
})

/** LUD-06, step 6, with the `verify` of LUD-21. */
export const payInvoice = z.object({
  pr: z.string().min(1),
  verify: z.string().nullish(),
})

/** LUD-21. */
export const verification = z.object({
  settled: z.boolean(),
  preimage: z.union([hash32, z.literal('')]).nullish(),
  pr: z.string().nullish(),
})
