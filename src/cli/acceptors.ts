import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { ListenAddress } from '../config/scalars.ts'

/** Where the system shares the connections of one port among several sockets. */
const sockets = process.platform === 'linux' ? 8 : 1

/**
 * Listens with several sockets on one port (SO_REUSEPORT): libuv accepts one connection of each in a turn of the event
 * loop. With a single socket whoever has paid stands in the kernel's queue behind every connection that a flood opens, for
 * as many turns as there are of them, and each of those turns reads what the flood sends.
 * @param server gets the connections of all
 * @returns stops listening; resolves when the last connection that came by any of the sockets is closed
 * @throws Error as `listen` does, also `EADDRINUSE` where another program shares the port already
 */
export async function acceptFrom(server: Server, { host, port }: ListenAddress): Promise<() => Promise<void>> {
  if (sockets === 1) {
    await listening(server, { host, port })
    return () => closed(server)
  }
  // Others could share the port with us, and we with them: only a socket that does not share finds out.
  if (port !== 0) await closed(await listening(createServer(), { host, port }))
  await listening(server, { host, port, reusePort: true })
  const bound = { host, port: (server.address() as AddressInfo).port, reusePort: true }
  // As the server's own socket is: one for TLS ends with its client.
  const options = { allowHalfOpen: !(server instanceof TlsServer), noDelay: true }
  const others = Array.from({ length: sockets - 1 }, () =>
    createServer(options, (socket) => void server.emit('connection', socket)),
  )
  const close = async (): Promise<void> => void (await Promise.all([server, ...others].map(closed)))
  try {
    await Promise.all(others.map((other) => listening(other, bound)))
  } catch (thrown) {
    void close()
    throw thrown
  }
  return close
}

function listening<S extends Server>(server: S, options: ListenOptions): Promise<S> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      // One connection that cannot be accepted is no end of the others.
      server.on('error', () => undefined)
      resolve(server)
    })
  })
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))
