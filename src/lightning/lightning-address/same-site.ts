/**
 * Whether two hosts belong together: equal, or one below the other (`pay.example.com`, `example.com`). A name without a
 * dot has nothing of its own below it.
 */
export function isSameSite(one: string, other: string): boolean {
  if (one === other) return true
  const [shorter, longer] = one.length < other.length ? [one, other] : [other, one]
  return shorter.includes('.') && longer.endsWith(`.${shorter}`)
}
