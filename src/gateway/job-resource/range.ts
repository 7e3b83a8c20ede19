/** The part of a body that a client asks for: RFC 9110, section 14. */
export type RangeChoice =
  | { readonly kind: 'whole' }
  /** `end` is the first byte after it. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

/** Several ranges at once, other units and what cannot be read are ignored, as the RFC allows. */
export function chooseRange(range: string | undefined, size: number): RangeChoice {
  const match = /^bytes=[ \t]*(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))[ \t]*$/i.exec(range ?? '')
  if (!match) return { kind: 'whole' }
  const [, first, last, suffix] = match
  if (first === undefined) {
    const wanted = Math.min(Number(suffix), size)
    return wanted === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: size - wanted, end: size }
  }
  const start = Number(first)
  if (last && Number(last) < start) return { kind: 'whole' }
  if (start >= size) return { kind: 'unsatisfiable' }
  return { kind: 'part', start, end: last ? Math.min(Number(last) + 1, size) : size }
}
