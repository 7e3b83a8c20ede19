const lowestHz = 70
const highestHz = 400
const windowSeconds = 0.06
const maxWindows = 40
/** How alike two periods must be before we believe that it is a voice. */
const leastLikeness = 0.6

/** The pitch a recording is spoken at, by autocorrelation: the median over its voiced parts, or undefined if none. */
export function measurePitch(samples: Float32Array, sampleRate: number): number | undefined {
  const stride = Math.max(1, Math.round(sampleRate / 8000))
  const rate = sampleRate / stride
  const slow = new Float32Array(Math.floor(Math.min(samples.length, sampleRate * 20) / stride))
  for (let i = 0; i < slow.length; i++) slow[i] = samples[i * stride] ?? 0
  const window = Math.round(windowSeconds * rate)
  const hop = Math.max(window, Math.floor(slow.length / maxWindows))
  const found: number[] = []
  for (let start = 0; start + 2 * window < slow.length; start += hop) {
    const lag = bestLag(slow, start, window, rate)
    if (lag !== undefined) found.push(rate / lag)
  }
  return found.toSorted((a, b) => a - b)[Math.floor(found.length / 2)]
}

function bestLag(samples: Float32Array, start: number, window: number, rate: number): number | undefined {
  const likenesses: number[] = []
  const shortest = Math.floor(rate / highestHz)
  for (let lag = shortest; lag <= Math.ceil(rate / lowestHz); lag++) {
    likenesses.push(likeness(samples, start, window, lag))
  }
  const best = Math.max(...likenesses)
  if (!(best > leastLikeness)) return undefined
  // Twice the period fits nearly as well as the period: the shortest lag that is about as good is the pitch.
  const index = likenesses.findIndex((value, i) => value > 0.92 * best && value >= (likenesses[i + 1] ?? -1))
  return shortest + Math.max(0, index)
}

function likeness(samples: Float32Array, start: number, window: number, lag: number): number {
  let product = 0
  let here = 1e-4
  let there = 1e-4
  for (let i = start; i < start + window; i++) {
    const a = samples[i] ?? 0
    const b = samples[i + lag] ?? 0
    product += a * b
    here += a * a
    there += b * b
  }
  return product / Math.sqrt(here * there)
}
