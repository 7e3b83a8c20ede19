import { z } from 'zod'
import { hash32, wholeNumber } from '../http/reply-fields.ts'

/** `POST /createinvoice`. */
export const generatedInvoice = z.object({
  amountSat: wholeNumber,
  paymentHash: hash32,
  serialized: z.string(),
})

/** `GET /payments/incoming/{paymentHash}`. It holds the preimage even of an unpaid invoice, which is left behind here. */
export const incomingPayment = z.object({
  paymentHash: hash32,
  isPaid: z.boolean(),
  isExpired: z.boolean().optional(),
  receivedSat: wholeNumber,
  requestedSat: wholeNumber.optional(),
  invoice: z.string().optional(),
  /** Unix milliseconds. */
  completedAt: wholeNumber.optional(),
})

export const incomingPayments = z.array(incomingPayment)

/** `GET /getinfo`. */
export const nodeInfo = z.object({
  chain: z.string(),
  version: z.string().optional(),
  channels: z.array(z.object({ state: z.string().optional(), inboundLiquiditySat: wholeNumber.optional() })),
})

/** What comes over the websocket; other events have another type. */
export const paymentReceived = z.object({ type: z.literal('payment_received'), paymentHash: hash32 })
