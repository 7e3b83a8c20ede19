import type { TestContext } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    hostile?: Tally
  }
}

/** What one test tried; the summary adds the counts of a class up. */
export interface Tally {
  /** `raw sockets`, `paths`, … */
  readonly kind: string
  readonly tried: number
  /** What should be read besides: `p99.9 81 µs`. */
  readonly note?: string
}

/** Notes for the closing summary what a test tried. */
export function tally({ task }: TestContext, counted: Tally): void {
  task.meta.hostile = counted
}

/** True in `npm run test:hostile`. */
export const long = process.env.TURNPIKE_HOSTILE === 'long'

/** How much to try: a little in `npm test`, a lot in `npm run test:hostile`. */
export const scale = (short: number, whole: number): number => (long ? whole : short)
