import type { ServerResponse } from 'node:http'
import { GatewayError } from '../../errors.ts'
import type { Gateway } from '../gateway.ts'
import type { RequestScope } from '../scope.ts'

/** Work that takes long is done one at a time, and as much time as it took is left to everybody else. */
export class Turnstile {
  #last: Promise<void> = Promise.resolve()

  /** @returns what `work` returns, when its turn has come */
  async pass<T>(work: () => T): Promise<T> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    const begunMs = performance.now()
    try {
      return work()
    } finally {
      setTimeout(resolve, performance.now() - begunMs)
    }
  }
}

/** Up to here reading a body takes less than a millisecond. */
const shortBytes = 64 * 1024

/**
 * Judges and prices a body that nobody has paid for. A large one keeps the thread busy for milliseconds; many at once
 * would leave none to those who have paid.
 * @throws whatever `judge` throws
 */
export async function judgeUnpaid<T>(
  gateway: Gateway,
  outgoing: ServerResponse,
  scope: RequestScope,
  bytes: number,
  judge: () => T,
): Promise<T> {
  if (bytes <= shortBytes) return judge()
  const turn = Promise.withResolvers<void>()
  const judged = gateway.use.turnstile.pass(() => {
    turn.resolve()
    if (outgoing.destroyed) throw new GatewayError('bad_body', 'the client left')
    return judge()
  })
  // Only the wait is not our own time.
  const [value] = await Promise.all([judged, scope.wait(turn.promise)])
  return value
}
