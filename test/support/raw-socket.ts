import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection on which a test writes what it likes. */
export interface RawConnection extends Disposable {
  readonly socket: Socket
  /** Everything that came until now. */
  readonly received: () => string
  /** Resolves when it matches, or when the connection is closed; then with what came by then. */
  readonly until: (wanted: RegExp) => Promise<string>
}

const open = new Map<string, Set<Socket>>()

/** What a failed test left open would keep the gateway from ending. */
export function disconnectFrom({ url }: { readonly url: string }): void {
  for (const socket of open.get(url) ?? []) socket.destroy()
  open.delete(url)
}

export async function connectTo({ url }: { readonly url: string }): Promise<RawConnection> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  open.set(url, (open.get(url) ?? new Set()).add(socket))
  socket.once('close', () => open.get(url)?.delete(socket))
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
    [Symbol.dispose]: () => socket.destroy(),
  }
}

/** The head of a POST of JSON. */
export const headOf = (path: string, ...lines: string[]): string =>
  [`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', ...lines, '', ''].join('\r\n')
