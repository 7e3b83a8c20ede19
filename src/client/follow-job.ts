import type { Response } from 'undici'

/** Told how a job goes. */
export interface JobListener {
  /** The request was taken as a job. */
  readonly onJob?: (url: string) => void
  /** It is not over yet. */
  readonly onState?: (state: string, delayMs: number) => void
}

export interface JobConnection {
  /** Sends a GET with the credential. */
  readonly get: (url: string) => Promise<Response>
  readonly pause: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}

const longestDelayMs = 60_000
const maxTroubles = 30

/**
 * Asks for a job until it is over. Asking is also what takes it up again after a failure or a restart, so nothing else
 * has to be sent. @returns its result, or the answer that says why there is none
 * @throws Error when the server cannot be reached, or sends the credential elsewhere
 */
export async function followJob(
  { get, pause, signal }: JobConnection,
  job: URL,
  from: string,
  { onJob, onState }: JobListener,
): Promise<Response> {
  if (job.origin !== new URL(from).origin) throw new Error(`the job is at another server: ${job.origin}`)
  onJob?.(job.href)
  for (let troubles = 0; ; ) {
    const status = await get(job.href).catch((thrown: unknown) => thrown as Error)
    if (signal.aborted) throw signal.reason
    const delayMs = delayOf(status)
    if (status instanceof Error || [429, 500, 502, 503, 504].includes(status.status)) {
      if (++troubles > maxTroubles) {
        if (status instanceof Error) throw new Error(`the server cannot be reached: ${status.message}`)
        return status
      }
      if (!(status instanceof Error)) await status.body?.cancel()
      onState?.('not to be seen', delayMs)
      await pause(delayMs)
      continue
    }
    troubles = 0
    if (status.status !== 200) return status
    const document: unknown = await status.json()
    const state = typeof document === 'object' && document !== null && 'state' in document ? document.state : undefined
    if (state !== 'queued' && state !== 'running') return await get(`${job.origin}${job.pathname}/result`)
    onState?.(state, delayMs)
    await pause(delayMs)
  }
}

function delayOf(answer: Response | Error): number {
  const seconds = answer instanceof Error ? Number.NaN : Number(answer.headers.get('retry-after') ?? Number.NaN)
  return seconds > 0 ? Math.min(seconds * 1000, longestDelayMs) : 2_000
}
