import type { ServerResponse } from 'node:http'

/** @returns undefined when nothing came within the time, or the client has left */
export async function waitFor<T>(coming: Promise<T>, waitMs: number, outgoing: ServerResponse): Promise<T | undefined> {
  if (waitMs === 0) return undefined
  const { promise, resolve } = Promise.withResolvers<T | undefined>()
  const stop = (): void => resolve(undefined)
  const timer = setTimeout(stop, waitMs)
  outgoing.once('close', stop)
  void coming.then(resolve)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    outgoing.off('close', stop)
  }
}
