import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Media } from './media-store.ts'

interface ByteRange {
  readonly start: number
  /** Included, as in the header. */
  readonly end: number
}

/** Answers GET or HEAD for one file: whole, or the single range that was asked for (RFC 9110, section 14). */
export function serveMedia(media: Media, request: IncomingMessage, response: ServerResponse): void {
  const size = media.bytes.length
  const etag = `"${media.name}"`
  response.setHeader('Content-Type', media.contentType)
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('ETag', etag)
  const ifRange = request.headers['if-range']
  const wantsRange = request.method === 'GET' && (ifRange === undefined || ifRange === etag)
  const range = wantsRange ? parseRange(request.headers.range, size) : 'whole'
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'Content-Range': `bytes */${size}`, 'Content-Length': 0 }).end()
    return
  }
  if (range === 'whole') {
    response.writeHead(200, { 'Content-Length': size })
    response.end(request.method === 'HEAD' ? undefined : media.bytes)
    return
  }
  response.writeHead(206, {
    'Content-Range': `bytes ${range.start}-${range.end}/${size}`,
    'Content-Length': range.end - range.start + 1,
  })
  response.end(media.bytes.subarray(range.start, range.end + 1))
}

/** A header we cannot read, or one with several ranges, is answered with the whole file, as the RFC allows. */
function parseRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null) return 'whole'
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return 'whole'
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size - 1 }
  }
  const start = Number(first)
  if (start >= size) return 'unsatisfiable'
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return end < start ? 'whole' : { start, end }
}
