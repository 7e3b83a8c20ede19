import { z } from 'zod'
import { hash32 } from '../http/reply-fields.ts'

/** `POST /api/v1/payments`. Old versions call the invoice `payment_request` and do not repeat the amount. */
export const createdPayment = z.object({
  payment_hash: hash32,
  bolt11: z.string().nullish(),
  payment_request: z.string().nullish(),
  /** msat. */
  amount: z.int().nullish(),
})

const payment = z.object({
  payment_hash: hash32,
  bolt11: z.string().nullish(),
  /** msat; below zero for a payment the wallet made itself. */
  amount: z.int(),
  status: z.string().nullish(),
  extra: z.unknown().optional(),
})

/**
 * `GET /api/v1/payments/{hash}`. It answers without a key too, and then without `details`. A preimage is left behind here.
 */
export const paymentState = z.object({
  paid: z.boolean(),
  status: z.string().nullish(),
  details: payment.nullish(),
})

/** `GET /api/v1/payments/paginated`. */
export const paymentPage = z.object({ data: z.array(payment) })

/** `GET /api/v1/wallet`. The id is told to the admin key only. */
export const walletInfo = z.object({ name: z.string().nullish(), id: z.string().nullish() })

export type PaymentState = z.output<typeof paymentState>
