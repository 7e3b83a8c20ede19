import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { behindProxy } from '../../support/crowd.ts'
import { openGateway } from '../../support/gateway.ts'
import { connectTo, headOf } from '../../support/raw-socket.ts'
import { makeShop } from '../../support/shop.ts'
import { openUpstream } from '../../support/upstream.ts'

const MiB = 2 ** 20

test('bodies that are refused are read to see them off up to an amount, and then left; every sender sees why', async () => {
  await using upstream = await openUpstream()
  const limits = 'limits: { unpaid_bytes: 1MiB/1h }\n'
  await using gateway = await openGateway({
    config: behindProxy + limits + makeShop(upstream.url, 'request: { max_bytes: 8MiB }'),
  })
  const sockets = new Set<Socket>()
  const onRequest = (message: unknown) => void sockets.add((message as { socket: Socket }).socket)
  subscribe('http.server.request.start', onRequest)
  const body = Buffer.alloc(4 * MiB, 'x')
  const refused = async (): Promise<string> => {
    const { socket, until } = await connectTo(gateway)
    socket.on('error', () => undefined)
    socket.write(headOf('/make', 'X-Forwarded-For: 203.0.113.9', `Content-Length: ${body.length}`))
    socket.write(body)
    const answer = await until(/"code":"[a-z_]+"/)
    // It goes on sending.
    await new Promise((resolve) => setTimeout(resolve, 600))
    socket.destroy()
    return answer
  }
  try {
    // The first takes all that this client may send unpaid.
    const answers = await Promise.all(Array.from({ length: 30 }, refused))
    expect(answers.filter((each) => /^HTTP\/1.1 429 .*rate_limited/s.test(each)).length).toBeGreaterThanOrEqual(29)
    const read = [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0)
    expect(sockets.size).toBe(30)
    expect(read / MiB).toBeLessThan(40)
  } finally {
    unsubscribe('http.server.request.start', onRequest)
  }
})
