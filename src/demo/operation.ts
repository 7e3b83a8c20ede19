import type { Media } from './media-store.ts'

/** The JSON object that a caller sent; every operation reads its own fields from it. */
export type Input = Readonly<Record<string, unknown>>

export type Answer =
  | { readonly kind: 'json'; readonly value: object }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'words'; readonly words: readonly string[] }

export interface OperationContext {
  /** Keeps a generated file and returns its public address. */
  readonly publish: (media: Media) => string
  readonly accept: string
  readonly voiceDelayMs: number
  /** Aborts when the caller has left or the services stop. */
  readonly signal: AbortSignal
}

export type Operation = (input: Input, context: OperationContext) => Answer | Promise<Answer>

/** The input cannot be worked with; the caller gets the message with a 400. */
export class UnusableInput extends Error {
  override readonly name = 'UnusableInput'
}

/** The work cannot be finished; the caller gets a 500. */
export class WorkFailed extends Error {
  override readonly name = 'WorkFailed'
}

/** Whoever writes this into a prompt sees what happens to a buyer whose work fails. */
export const failWord = '[fail]'

/** @throws WorkFailed where the text asks for it */
export function failIfTold(text: string): void {
  if (text.includes(failWord)) throw new WorkFailed(`The sample service failed, as ${failWord} told it to.`)
}

/** A text field that must be there and hold more than blanks, cut at `maxLength`. */
export function requireText(input: Input, field: string, maxLength: number): string {
  const value = input[field]
  if (typeof value !== 'string' || value.trim() === '') throw new UnusableInput(`${field} must be a non-empty string`)
  return value.slice(0, maxLength)
}

/** A text field that may be missing, null or empty, cut at `maxLength`. */
export function optionalText(input: Input, field: string, maxLength: number): string | undefined {
  const value = input[field] ?? ''
  if (typeof value !== 'string') throw new UnusableInput(`${field} must be a string`)
  return value.trim() === '' ? undefined : value.slice(0, maxLength)
}

/** A number field within a range; missing or null gives the default. */
export function numberWithin(
  input: Input,
  field: string,
  range: { readonly min: number; readonly max: number; readonly default: number },
): number {
  const value = input[field] ?? range.default
  if (typeof value === 'number' && value >= range.min && value <= range.max) return value
  throw new UnusableInput(`${field} must be a number from ${range.min} to ${range.max}`)
}

/** One of the given words; missing or null gives the first. */
export function oneOf<T extends string>(input: Input, field: string, words: readonly [T, ...T[]]): T {
  const value = input[field] ?? words[0]
  const found = words.find((word) => word === value)
  if (found === undefined) throw new UnusableInput(`${field} must be one of ${words.join(', ')}`)
  return found
}
