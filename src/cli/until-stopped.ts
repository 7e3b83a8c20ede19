import { type ExitCode, exitCodes } from './exit-codes.ts'

/**
 * Runs something until SIGINT or SIGTERM, then disposes it. A second signal ends at once.
 * @param start is given a signal that aborts when stopping begins, and what to call when nothing can go on
 */
export async function untilStopped(
  start: (signal: AbortSignal, fatal: (cause: unknown) => void) => Promise<AsyncDisposable>,
): Promise<ExitCode> {
  const stopping = new AbortController()
  const stopped = Promise.withResolvers<ExitCode>()
  const stop = (): void => {
    if (stopping.signal.aborted) process.exit(exitCodes.failed)
    stopping.abort(new Error('stopped'))
    stopped.resolve(exitCodes.ok)
  }
  const fatal = (cause: unknown): void => {
    console.error(`Turnpike cannot go on: ${cause instanceof Error ? cause.message : String(cause)}`)
    process.exit(exitCodes.failed)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    await using running = await start(stopping.signal, fatal)
    void running
    return await stopped.promise
  } catch (thrown) {
    if (stopping.signal.aborted && thrown === stopping.signal.reason) return exitCodes.ok
    throw thrown
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
