import { randomFillSync } from 'node:crypto'

const poolBytes = 8192

/**
 * Random bytes of the system's generator, fetched many at a time: each call of it costs more than the bytes it brings.
 * No byte is given out twice, and none stays in the pool after it was given out.
 */
export function createRandomPool(): (bytes: number) => Buffer {
  const pool = Buffer.alloc(poolBytes)
  let used = poolBytes
  return (bytes) => {
    if (bytes > poolBytes) return randomFillSync(Buffer.alloc(bytes))
    if (used + bytes > poolBytes) {
      randomFillSync(pool)
      used = 0
    }
    const given = Buffer.from(pool.subarray(used, used + bytes))
    pool.fill(0, used, used + bytes)
    used += bytes
    return given
  }
}
