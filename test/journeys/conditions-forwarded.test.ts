import { expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'

test.for(['Range', 'If-None-Match', 'If-Modified-Since', 'If-Match', 'If-Range', 'Accept-Encoding'])(
  'a request that is paid for gets the whole result, although its upstream is to be told of %s',
  async (name) => {
    await using upstream = await openUpstream((call, ...rest) => {
      const isPart = name.toLowerCase() in call.headers
      return answerWith(isPart ? 206 : 200, isPart ? 'a part' : 'the whole')(call, ...rest)
    })
    await using gateway = await openGateway({
      config: `
upstreams: { files: { url: "${upstream.url}", forward_headers: [${name}, X-Mine] } }
services:
  GET /sold: { upstream: { use: files }, price: { flat: 1 } }
  GET /free: { upstream: { use: files }, price: free }
`,
      logLevel: 'silent',
    })
    const headers = { [name]: 'bytes=0-1', 'X-Mine': 'yes' }
    const { authorization } = await payFor(gateway, { path: '/sold' })
    const answer = await send(gateway, { path: '/sold', headers: { ...headers, ...authorization } })
    expect([answer.status, answer.text]).toEqual([200, 'the whole'])
    expect(upstream.calls.at(-1)?.headers['x-mine']).toBe('yes')
    await send(gateway, { path: '/free', headers })
    expect(upstream.calls.at(-1)?.headers[name.toLowerCase()]).toBe('bytes=0-1')
  },
)
