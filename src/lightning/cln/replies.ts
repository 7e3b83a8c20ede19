import { z } from 'zod'
import { hash32, wholeNumber } from '../http/reply-fields.ts'

/** `invoice`. The `warning_…` fields say that payers may find no way to the node. */
export const madeInvoice = z.object({
  bolt11: z.string(),
  payment_hash: hash32,
  expires_at: wholeNumber,
  warning_capacity: z.string().optional(),
  warning_offline: z.string().optional(),
  warning_deadends: z.string().optional(),
  warning_private_unused: z.string().optional(),
})

/** One of `listinvoices`. The preimage of a paid one is left behind here. */
const listedInvoice = z.object({
  label: z.string(),
  payment_hash: hash32,
  status: z.enum(['unpaid', 'paid', 'expired']),
  bolt11: z.string().optional(),
  amount_msat: wholeNumber.optional(),
  amount_received_msat: wholeNumber.optional(),
  /** Unix seconds. */
  paid_at: wholeNumber.optional(),
})

export const listedInvoices = z.object({ invoices: z.array(listedInvoice) })

/** `waitanyinvoice`. */
export const paidInvoice = z.object({
  payment_hash: hash32,
  status: z.literal('paid'),
  pay_index: z.int().positive(),
  bolt11: z.string().optional(),
  amount_received_msat: wholeNumber,
  paid_at: wholeNumber,
})

/** What clnrest answers with a status of 400 and more. */
export const rpcError = z.object({ code: z.int().nullish(), message: z.string().optional() })

export type ListedInvoice = z.output<typeof listedInvoice>
export type PaidInvoice = z.output<typeof paidInvoice>
