import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A server that takes WebSockets and sends every short text back. */
export async function openEcho() {
  const handshakes: IncomingMessage[] = []
  const sockets = new Set<Duplex>()
  const server = createServer((_incoming, outgoing) => outgoing.writeHead(404).end())
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    handshakes.push(incoming)
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('end', () => socket.end())
    const accept = createHash('sha1').update(`${incoming.headers['sec-websocket-key']}${acceptGuid}`).digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.on('data', (frame: Buffer) => answerFrame(socket, frame))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Texts under 126 bytes come masked and go back plain (RFC 6455, section 5.2). */
function answerFrame(socket: Duplex, frame: Buffer): void {
  const [opcode, length] = [(frame[0] ?? 0) & 15, (frame[1] ?? 0) & 127]
  if (opcode !== 1) return void socket.end(frame.subarray(0, 1))
  const mask = frame.subarray(2, 6)
  const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]))
}

const handshakeLines = (path: string, host: string, headers: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`

/** A handshake by hand that is refused. @returns the first line of the answer, its body and its headers */
export async function refusedHandshake(
  gateway: { url: string },
  path: string,
  headers = '',
): Promise<readonly [string, string, string]> {
  const { hostname, port, host } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.write(handshakeLines(path, host, headers))
  const text = Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString()
  const end = text.indexOf('\r\n\r\n')
  return [text.split('\r\n', 1)[0] ?? '', text.slice(end + 4), text.slice(0, end).toLowerCase()]
}

export interface RawWebSocket extends Disposable {
  readonly socket: Socket
  readonly received: () => string
}

/** A WebSocket by hand, which answers nothing, not even the end of the other side. It need not be open yet. */
export function rawWebSocket(gateway: { url: string }, path: string, headers = ''): RawWebSocket {
  const { hostname, port, host } = new URL(gateway.url)
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true })
  let text = ''
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')))
  socket.write(handshakeLines(path, host, headers))
  return { socket, received: () => text, [Symbol.dispose]: () => void socket.destroy() }
}
