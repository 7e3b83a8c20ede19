import { priceSchema } from '#src/config/price.ts'
import type { FieldSource } from '#src/pricing/field.ts'
import { type Price, type Pricing, priceOf } from '#src/pricing/price.ts'
import type { PriceSpec } from '#src/pricing/spec.ts'

/** A price as an operator writes it, read. */
export function written(price: object): PriceSpec {
  const read = priceSchema.parse(price)
  if (read === 'free') throw new Error('free is not a price')
  return read
}

export const source = (body: unknown, others: Partial<FieldSource> = {}): FieldSource => ({
  body,
  query: new Map(),
  params: new Map(),
  ...others,
})

export const pricing = (price: object, body: unknown): Pricing => priceOf(written(price), source(body))

export function priced(price: object, body: unknown = {}): Price {
  const result = pricing(price, body)
  if (result.kind === 'priced') return result.price
  throw new Error(result.issues.map(({ path, message }) => `${path} ${message}`).join('; '))
}

/** msat, or where and why there is no price. */
export function msatOf(price: object, body: unknown = {}): bigint | string[] {
  const result = pricing(price, body)
  if (result.kind === 'priced') return result.price.msat
  return result.issues.map(({ path, message }) => `${path} ${message}`)
}
