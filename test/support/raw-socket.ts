import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestGateway } from './gateway.ts'

/** A connection on which a test writes what it likes. */
export interface RawConnection {
  readonly socket: Socket
  /** Everything that came until now. */
  readonly received: () => string
  /** Resolves when it matches, or when the connection is closed; then with what came by then. */
  readonly until: (wanted: RegExp) => Promise<string>
}

export async function connectTo(gateway: Pick<TestGateway, 'url'>): Promise<RawConnection> {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let text = ''
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    text += data.toString('latin1')
  })
  return {
    socket,
    received: () => text,
    async until(wanted) {
      while (!wanted.test(text) && !socket.closed) await Promise.race([once(socket, 'data'), once(socket, 'close')])
      return text
    },
  }
}

/** The head of a POST of JSON. */
export const headOf = (path: string, ...lines: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', ...lines, '', ''].join('\r\n')
