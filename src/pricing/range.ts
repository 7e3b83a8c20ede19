import { rateLabel, sats, unitName } from './price.ts'
import { isRow, type LineSpec, type PriceSpec, type RateRow, type RateTree } from './spec.ts'

/** A price in words: what it is computed from, without a request. */
export function priceRange(price: PriceSpec): string {
  const bounds = [
    ...(price.min ? [`at least ${sats(price.min)}`] : []),
    ...(price.max ? [`at most ${sats(price.max)}`] : []),
  ]
  const lines = price.lines.map(lineInWords)
  // Semicolons separate the rows of a table, so among several lines it needs brackets.
  const sum = lines.length === 1 ? lines : lines.map((line) => (line.includes('; ') ? `(${line})` : line))
  return [sum.join(' + '), ...bounds].join(', ')
}

function lineInWords({ quantity, rate }: LineSpec): string {
  const unit = unitName(quantity)
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
