/** Time, so that tests can hold it still. Both readings are milliseconds. */
export interface Clock {
  /** Unix time. May step backwards or forwards when the machine's clock is set. */
  nowMs(): number
  /** Never steps; only differences mean anything. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}
