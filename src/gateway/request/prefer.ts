/** What a buyer asks of the answer: RFC 7240. Preferences that are not known are ignored, as it says. */
export interface Preferences {
  /** 202 and a place to ask is welcome. */
  readonly respondAsync: boolean
  /** How long the answer may be waited for before that. */
  readonly waitMs: number
}

/** A longer wait than this is cut: proxies between would have given up. */
const longestWaitMs = 600_000

/** @param lines the values of all Prefer headers; of a preference given twice the first counts */
export function readPreferences(lines: readonly string[]): Preferences {
  let respondAsync = false
  let waitMs: number | undefined
  for (const preference of lines.flatMap((line) => line.split(','))) {
    const [token = ''] = preference.split(';')
    const [name = '', value = ''] = token.split('=').map((part) => part.trim())
    switch (name.toLowerCase()) {
      case 'respond-async':
        respondAsync = true
        break
      case 'wait': {
        const seconds = /^"?([0-9]{1,9})"?$/.exec(value)?.[1]
        if (seconds !== undefined) waitMs ??= Math.min(Number(seconds) * 1000, longestWaitMs)
        break
      }
    }
  }
  return { respondAsync, waitMs: waitMs ?? 0 }
}
