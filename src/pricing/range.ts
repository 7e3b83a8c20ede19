import { rateLabel, sats } from './price.ts'
import { isRow, type LineSpec, type PriceSpec, type RateRow, type RateTree } from './spec.ts'

/** A price in words: what it is computed from, without a request. */
export function priceRange(price: PriceSpec): string {
  const bounds = [
    ...(price.min ? [`at least ${sats(price.min)}`] : []),
    ...(price.max ? [`at most ${sats(price.max)}`] : []),
  ]
  return [price.lines.map(lineInWords).join(' + '), ...bounds].join(', ')
}

function lineInWords({ quantity, rate }: LineSpec): string {
  const unit =
    quantity.kind === 'characters' ? 'char' : quantity.kind === 'number' && quantity.unit === 'second' ? 's' : 'unit'
  const inWords = (row: RateRow) => {
    const perUnit = quantity.kind === 'one' ? sats(row.perUnit) : rateLabel(row.perUnit, unit)
    const per = quantity.kind === 'one' || perUnit.includes('/') ? '' : ` per ${unit === 's' ? 'second' : unit}`
    const low = row.min ? `, at least ${sats(row.min)}` : ''
    const high = row.max ? `, at most ${sats(row.max)}` : ''
    return `${perUnit}${per}${low}${high}`
  }
  if (rate.kind === 'fixed') return inWords(rate.row)
  return leaves(rate.rows)
    .map(([keys, row]) => `${keys.join(' ')}: ${inWords(row)}`)
    .join('; ')
}

function leaves(tree: RateTree, keys: string[] = []): [string[], RateRow][] {
  return [...tree].flatMap(([key, node]): [string[], RateRow][] =>
    isRow(node) ? [[[...keys, key], node]] : leaves(node, [...keys, key]),
  )
}
