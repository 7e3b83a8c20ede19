import { z } from 'zod'
import { WalletError } from '../../ports/wallet.ts'
import { hash32 } from '../http/reply-fields.ts'

/** Wallets leave fields out, or send `null` or an empty text for what they do not know. */
const maybe = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional())

const wholeNumber = z.int().nonnegative()

/** The result of `make_invoice` (NIP-47). The preimage that may stand there is not read. */
export const madeInvoice = z.object({
  invoice: z.string().min(1),
  payment_hash: maybe(hash32),
  amount: maybe(wholeNumber),
})

/** The result of `lookup_invoice` (NIP-47); `state` is newer than most wallets. */
export const lookedUpInvoice = z.object({
  payment_hash: maybe(hash32),
  invoice: maybe(z.string()),
  state: maybe(z.string()),
  amount: maybe(wholeNumber),
  /** Unix seconds. */
  settled_at: maybe(wholeNumber),
  /** Unix seconds. */
  expires_at: maybe(wholeNumber),
})

/** The result of `get_info` (NIP-47). */
export const walletInfo = z.object({
  network: maybe(z.string()),
  methods: maybe(z.array(z.string())),
  notifications: maybe(z.array(z.string())),
})

/** The body of a `payment_received` or `hold_invoice_accepted` notification. */
export const receivedPayment = z.object({ payment_hash: hash32 })

/**
 * Reads a result; what stands in it never comes into the message.
 * @throws WalletError `protocol`
 */
export function readResult<Schema extends z.ZodType>(
  method: string,
  result: unknown,
  schema: Schema,
): z.output<Schema> {
  const read = schema.safeParse(result)
  if (read.success) return read.data
  throw new WalletError('protocol', `The wallet answered ${method} with something else than NIP-47 says; update it.`)
}
