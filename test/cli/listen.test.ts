import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { listen } from '#src/cli/listen.ts'

test('a pipelined answer that its client does not take has its time as well', async () => {
  const first = Promise.withResolvers<undefined>()
  const answered: string[] = []
  await using listener = await listen({
    address: { host: '127.0.0.1', port: 0 },
    async fetch(request) {
      const { pathname } = new URL(request.url)
      answered.push(pathname)
      if (pathname === '/first') await first.promise
      return new Response(pathname === '/first' ? 'a' : Buffer.alloc(30 * 2 ** 20))
    },
  })
  const accepted = once(listener.server, 'connection') as Promise<[Socket]>
  const client = connect(listener.address.port, '127.0.0.1')
  using leaving = new DisposableStack()
  leaving.defer(() => client.destroy())
  client.pause()
  for (const path of ['/first', '/second']) client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  const [socket] = await accepted
  await expect.poll(() => answered).toHaveLength(2)
  first.resolve(undefined)
  await expect.poll(() => socket.bytesWritten).toBeGreaterThan(0)
  await expect.poll(() => socket.timeout).toBe(120_000)
})
