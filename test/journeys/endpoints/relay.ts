import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

/** An address that is known before the server behind it is: passes bytes on, both ways. */
export interface Relay extends AsyncDisposable {
  readonly url: string
  /** `host:port` of the server; connections before it is set are closed. */
  target: string | undefined
}

export async function openRelay(): Promise<Relay> {
  const sockets = new Set<Socket>()
  const relay: { target: string | undefined } = { target: undefined }
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    keep(client)
    const [host = '', port] = relay.target?.split(':') ?? []
    if (port === undefined) return void client.destroy()
    const service = keep(connect(Number(port), host))
    client.pipe(service).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(relay, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
