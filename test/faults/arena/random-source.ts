export interface Random {
  chance(of: number): boolean
  /** A whole number from 0 on. */
  below(limit: number): number
  oneOf<T>(list: readonly T[]): T
}

/** Mulberry32: the same seed, the same choices. */
export function randomFrom(seed: number): Random {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    chance: (of) => next() < of,
    below: (limit) => Math.floor(next() * limit),
    oneOf: <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T,
  }
}
