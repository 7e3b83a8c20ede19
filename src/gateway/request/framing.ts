import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../errors.ts'

/** How the end of a request's body is known: RFC 9112, section 6.3. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }

/**
 * The parser takes `HTTP/2.0` and `HTTP/0.9` on the request line for version 1 with another name; nobody else does.
 * @throws GatewayError `bad_header`
 */
export function checkVersion({ httpVersion }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new GatewayError('bad_header', 'only HTTP/1.1 and HTTP/1.0 are spoken here')
  }
}

/**
 * Reads how a body is framed. What another reader might frame otherwise is refused: a further transfer coding, and any
 * at all in HTTP/1.0, which has none (RFC 9112, section 6.1).
 * @throws GatewayError `bad_body`
 */
export function readFraming({ headers, httpVersion }: IncomingMessage): Framing {
  const coding = headers['transfer-encoding']
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() !== 'chunked') {
      throw new GatewayError('bad_body', 'the only Transfer-Encoding that is accepted is `chunked`')
    }
    if (httpVersion !== '1.1') throw new GatewayError('bad_body', 'HTTP/1.0 has no Transfer-Encoding')
    return { kind: 'chunked' }
  }
  const bytes = Number(headers['content-length'] ?? '0')
  return bytes === 0 ? { kind: 'none' } : { kind: 'length', bytes }
}
