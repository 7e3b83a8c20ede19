import { z } from 'zod'
import { hash32, wholeNumber } from '../http/reply-fields.ts'

/** Greenfield writes millisatoshi as text, because they outgrow numbers. */
const msatText = z
  .string()
  .regex(/^[0-9]{1,19}$/)
  .transform(BigInt)

/** `LightningInvoiceData`. The preimage of a paid one is left behind here. */
export const lightningInvoice = z.object({
  id: z.string().min(1),
  status: z.enum(['Unpaid', 'Paid', 'Expired']),
  BOLT11: z.string(),
  amount: msatText,
  amountReceived: msatText.nullish(),
  /** Unix seconds. */
  paidAt: wholeNumber.nullish(),
  /** Not told by versions before 1.6. */
  paymentHash: hash32.nullish(),
})

/** `GET /api/v1/api-keys/current`. It holds the key itself, which is left behind here. */
export const apiKey = z.object({ permissions: z.array(z.string()) })

/** What Greenfield answers with a status of 400 and more; of 422 it is a list. */
export const apiError = z.object({ code: z.string() })

export type LightningInvoice = z.output<typeof lightningInvoice>
