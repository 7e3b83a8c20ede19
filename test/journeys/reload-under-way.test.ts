import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfigText } from '#src/config/load.ts'
import { makeGate } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openRequest } from '../support/open-request.ts'
import { openUpstream } from '../support/upstream.ts'

test('answers that go on through many reloads hold up no reload and nobody else', async () => {
  const finish = makeGate()
  await using upstream = await openUpstream(async (call, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    outgoing.write('data: first\n\n')
    if (!call.url.startsWith('/quick')) await finish.opened
    outgoing.end('data: last\n\n')
  })
  const config = (flat: number): string => `
services:
  POST /stream: { name: stream, upstream: "${upstream.url}", price: { flat: ${flat} }, stream: true }
  POST /whole: { name: whole, upstream: "${upstream.url}", price: { flat: ${flat} } }
  POST /quick: { name: quick, upstream: "${upstream.url}", price: { flat: ${flat} } }
  GET /free: { name: free, upstream: "${upstream.url}", price: free }
`
  await using gateway = await openGateway({ config: config(1) })
  const stream = { path: '/stream', body: {} }
  const whole = { path: '/whole', body: {} }
  const streamed = await openRequest(gateway, paid(stream, await payFor(gateway, stream)))
  const free = await openRequest(gateway, { path: '/free' })
  const answering = send(gateway, paid(whole, await payFor(gateway, whole)))
  await Promise.all([streamed.atLeast(1), free.atLeast(1)])

  const { context } = gateway.running
  for (let flat = 2; flat <= 20; flat++) {
    const { config: next } = loadConfigText(config(flat), join(gateway.dataDir, 'gateway.yaml'), {})
    if (!next) throw new Error('it is not good')
    const wanted = { ...next, dataDir: context.config.dataDir }
    await context.adopt(wanted, buildCatalog(wanted).catalog)
    const quick = { path: '/quick', body: { flat } }
    const challenge = await send(gateway, quick)
    expect([challenge.status, challenge.json().amountMsat]).toEqual([402, flat * 1_000])
    const headers = {
      authorization: `L402 ${challenge.json().token}:${await gateway.wallet.pay(challenge.json().invoice)}`,
    }
    expect((await send(gateway, { ...quick, headers })).status).toBe(200)
  }
  expect([streamed.ended, free.ended]).toEqual([false, false])

  finish.open()
  for (const each of [streamed, free]) expect((await each.whole()).toString()).toBe('data: first\n\ndata: last\n\n')
  expect((await answering).text).toBe('data: first\n\ndata: last\n\n')
})
