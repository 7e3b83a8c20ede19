import type { FieldSource } from './field.ts'
import { chooseRate, type Spelling } from './rate.ts'
import type { PriceSpec } from './spec.ts'

/**
 * What a request names in another case than the operator does: a row of a table or an alias of it. An upstream may know
 * the operator's spelling alone, and take another for one that it does not know. What any table writes so, stays.
 */
export function otherSpellings(price: PriceSpec, source: FieldSource): readonly Spelling[] {
  const keys = price.lines.flatMap(({ rate }) => {
    const chosen = chooseRate(rate, source)
    return chosen.ok ? chosen.keys : []
  })
  return keys.flatMap(({ field, spelling }) => {
    const stays = keys.some((each) => each.field === field && each.spelling === undefined)
    return spelling && !stays ? [spelling] : []
  })
}
