import { describe, expect, test } from 'vitest'
import { payFor } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'
import { LineClient } from './support/line-client.ts'

const config = (upstream: string): string => `
services:
  /v1/*: { name: rest, upstream: "${upstream}", price: { flat: 1 } }
  POST /v1/images: { name: images, upstream: "${upstream}", price: { flat: 1000 } }
  POST /m/:model: { name: model, upstream: "${upstream}", price: { flat: 1 } }
  POST /m/large: { name: large, upstream: "${upstream}", price: { flat: 1000 } }
  POST /pub/*: { name: pub, upstream: "${upstream}/*", price: { flat: 1 } }
  GET /files/:name: { name: file, upstream: "${upstream}", price: { flat: 1000 } }
  PUT /files/*: { name: store, upstream: "${upstream}", price: { flat: 5 } }
  POST /v1/run.php: { name: run, upstream: "${upstream}", price: { flat: 1000 } }
  POST /v1/dir/: { name: dir, upstream: "${upstream}", price: { flat: 1000 } }
  POST other.example/m/large: { name: other, upstream: "${upstream}", price: { flat: 1 } }
`

describe('a route that takes many paths beside a dearer one', () => {
  test.for([
    ['POST', '/v1/Images'],
    ['POST', '/v1/images/'],
    ['POST', '/v1/images%20'],
    ['POST', '/v1/images.'],
    ['POST', '/v1/images.json'],
    ['POST', '/v1/images%3Fa'],
    ['POST', '/v1/%EF%BD%89mages'],
    ['PUT', '/v1/images'],
    ['POST', '/m/Large'],
    ['POST', '/m/large.'],
    ['POST', '/pub/v1/images'],
    ['POST', '/pub/m/large'],
    ['POST', '/pub/M/large/'],
    // CGI and PHP give a script what stands behind it as its path, and one may answer for all; a file, for its folder.
    ['POST', '/v1/run.php/anything'],
    ['POST', '/v1/Run.PHP/a/b.json'],
    ['POST', '/pub/v1/run.php/'],
    ['POST', '/v1/index.php/images'],
    ['POST', '/pub/index.php/v1/images'],
    ['POST', '/pub/site/app.php/m/large'],
    ['POST', '/v1/dir/index.php'],
    ['POST', '/v1/images/index.html'],
    ['PUT', '/v1/dir'],
  ] as const)('does not sell it at its own price: %s %s', async ([method, path]) => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    using client = new LineClient(gateway.url)
    const host = new URL(gateway.url).host
    const { status } = await client.send(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`)
    expect([404, 405]).toContain(status)
  })

  test.for([
    ['POST', '/v1/images', 1_000_000],
    ['POST', '/v1/image', 1_000],
    ['POST', '/v1/images/one', 1_000],
    ['GET', '/v1/images', 1_000],
    ['POST', '/m/large', 1_000_000],
    ['POST', '/m/small', 1_000],
    ['POST', '/m/large.1', 1_000],
    ['POST', '/v1/images/one.png', 1_000],
    ['POST', '/v1/models/llama.gguf/info', 1_000],
    ['POST', '/v1/gpt-4.1/images', 1_000],
    ['POST', '/v1/run', 1_000],
    ['POST', '/v1/indexes', 1_000],
    ['POST', '/pub/v2/images', 1_000],
    ['PUT', '/files/a.txt', 5_000],
    ['GET', '/files/a.txt', 1_000_000],
  ] as const)('sells what it is for: %s %s', async ([method, path, amountMsat]) => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    expect((await payFor(gateway, { method, path })).amountMsat).toBe(amountMsat)
  })
})

test('a free route that calls the same server by another of its names on this machine does not lead to what is sold', async () => {
  await using upstream = await openUpstream()
  const { port } = new URL(upstream.url)
  const text = `
services:
  POST /v1/images: { name: images, upstream: "http://127.0.0.1:${port}", price: { flat: 9 } }
  /v1/*: { name: rest, upstream: "http://localhost:${port}", price: free }
`
  await using gateway = await openGateway({ config: text, logLevel: 'silent' })
  using client = new LineClient(gateway.url)
  const host = new URL(gateway.url).host
  for (const path of ['/v1/Images', '/v1/images/']) {
    const { status } = await client.send(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`)
    expect([path, status]).toEqual([path, 404])
  }
  expect(upstream.calls).toEqual([])
})
