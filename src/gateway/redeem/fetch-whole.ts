import type { UpstreamCall, UpstreamEnd, UpstreamHead } from '../../ports/upstream.ts'
import type { Gateway } from '../gateway.ts'

/** An answer that is read into memory. */
export interface WholeAnswer {
  /** Undefined when no head came. */
  readonly head: UpstreamHead | undefined
  readonly end: UpstreamEnd
  readonly body: Buffer
  readonly tooLarge: boolean
}

/** Makes one call and reads its answer whole. Never rejects. */
export async function fetchWhole(
  { upstream }: Pick<Gateway, 'upstream'>,
  call: UpstreamCall,
  maxBytes: number,
  signal: AbortSignal,
): Promise<WholeAnswer> {
  const stop = new AbortController()
  const chunks: Buffer[] = []
  let head: UpstreamHead | undefined
  let size = 0
  let tooLarge = false
  const end = await upstream.exchange(
    call,
    {
      head: (given) => {
        head = given
      },
      data: (chunk) => {
        size += chunk.length
        tooLarge ||= size > maxBytes
        if (tooLarge) stop.abort()
        else chunks.push(chunk)
        return undefined
      },
    },
    AbortSignal.any([stop.signal, signal]),
  )
  return { head, end, body: Buffer.concat(chunks), tooLarge }
}
