/** A source of choices that a seed repeats: mulberry32. The seed of a failing run stands in its message. */
export interface Random {
  readonly seed: number
  /** A whole number from 0 up to, and without, `below`. */
  below(below: number): number
  /** One of these. */
  of<T>(choices: readonly T[]): T
}

export function makeRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    seed,
    below,
    of(choices) {
      const choice = choices[below(choices.length)]
      if (choice === undefined) throw new Error('there is nothing to choose from')
      return choice
    },
  }
}

/** The seed that is given in `HOSTILE_SEED`, or one of its own for each run. */
export const runSeed = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31)
