import type { FieldRef } from './field.ts'
import type { Rational } from './rational.ts'

/**
 * One idea: price = clamp(min, max, Σ quantity × rate), exact until it is rounded up once. Amounts here are msat as
 * fractions; only the finished price is a whole number.
 */
export interface PriceSpec {
  readonly lines: readonly LineSpec[]
  readonly min?: Rational
  /** A multiple of `roundToMsat`, so that rounding up cannot pass it. */
  readonly max?: Rational
  readonly roundToMsat: bigint
}

export interface LineSpec {
  readonly quantity: QuantitySpec
  readonly rate: RateSpec
}

export type QuantitySpec =
  | { readonly kind: 'one' }
  | {
      readonly kind: 'characters'
      readonly of: readonly FieldRef[]
      readonly count: 'codepoints' | 'utf16' | 'bytes'
      readonly minUnits?: bigint
      readonly maxUnits?: bigint
    }
  | {
      readonly kind: 'number'
      readonly of: readonly FieldRef[]
      readonly unit: 'unit' | 'second'
      readonly minUnits?: bigint
      readonly maxUnits?: bigint
    }

export type RateSpec = { readonly kind: 'fixed'; readonly row: RateRow } | RateTable

export interface RateTable {
  readonly kind: 'table'
  /** One selector a level of the table. */
  readonly by: readonly Selector[]
  /** By the alias in lower case. */
  readonly aliases: ReadonlyMap<string, Alias>
  readonly rows: RateTree
  /** Every field that some row `accepts`; the other rows refuse it. */
  readonly guarded: readonly FieldRef[]
}

/** Another name of a row. */
export interface Alias {
  /** As the operator writes it. */
  readonly name: string
  readonly row: string
}

/** Takes the first of its fields that is present; a level without a default needs one. */
export interface Selector {
  readonly first: readonly FieldRef[]
  readonly default?: string
}

export type RateTree = ReadonlyMap<string, RateTree | RateRow>

export interface RateRow {
  /** msat for one unit of the quantity. */
  readonly perUnit: Rational
  /** Clamps this line. */
  readonly min?: Rational
  readonly max?: Rational
  /** Fields that may be used with this row although a table names them. */
  readonly accepts: readonly FieldRef[]
}

export const isRow = (node: RateTree | RateRow): node is RateRow => 'perUnit' in node
