import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { type Draft, framingCases } from './support/framing-corpus.ts'
import { sendRaw } from './support/raw-client.ts'
import { openRawUpstream, type RawUpstream } from './support/raw-upstream.ts'
import { long, tally } from './support/tally.ts'

/** Where a request is sent: what it is sold for, and what is paid. */
const places = [
  { name: 'a free route', method: 'POST', target: '/free/a', paid: true },
  { name: 'a priced route, unpaid', method: 'POST', target: '/raw', paid: false },
  { name: 'a priced route, paid', method: 'POST', target: '/raw', paid: true },
  { name: 'a priced route that reads JSON, paid', method: 'POST', target: '/make', paid: true },
] as const

// In short: the upstream that reads bodies gets the paid and unpaid ones, the other one the free ones.
const type = 'Content-Type: application/json'

const config = (upstream: string): string => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
    request: { schema: { type: object, properties: { prompt: { type: string } } } }
  POST /raw: { name: raw, upstream: "${upstream}", price: { flat: 1 } }
  /free/*: { name: free, upstream: "${upstream}", price: free }
`

describe.for([
  ['reads what it is sent', false],
  ['answers without reading bodies', true],
] as const)('to an upstream that %s', ([, ignoresBodies]) => {
  let upstream: RawUpstream
  let gateway: TestGateway
  let host: string

  beforeAll(async () => {
    upstream = await openRawUpstream({ ignoresBodies })
    gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
    host = new URL(gateway.url).host
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  })

  async function draft({ method, target, paid }: (typeof places)[number]): Promise<Draft> {
    const smuggled = `POST /make HTTP/1.1\r\nHost: ${host}\r\n${type}\r\nContent-Length: 2\r\n\r\n{}`
    const body = target === '/make' ? '{"prompt":"a cat"}' : smuggled
    const priced = paid && target !== '/free/a'
    const credential = priced
      ? [
          (await payFor(gateway, { method, path: target, body, headers: { 'content-type': 'application/json' } }))
            .authorization,
        ]
      : []
    const headers = [type, ...credential.map(({ authorization }) => `Authorization: ${authorization}`)]
    return { method, target, host, headers, body, smuggled }
  }

  const tried = long ? places : places.filter(({ name }) => ignoresBodies === (name === 'a free route'))

  test.for(framingCases.flatMap((each) => tried.map((place) => ({ ...each, place }))))(
    '$name, to $place.name: $outcome',
    async ({ write, outcome, status, place }, context) => {
      tally(context, { kind: 'raw sockets', tried: 1 })
      const asked = await draft(place)
      const before = upstream.requests.length
      upstream.strays.length = 0
      const answer = await sendRaw(gateway, write(asked), { answers: outcome === 'served' ? 1 : 2, quietMs: 400 })
      const { method, target, body } = asked
      const answeredEarly = ignoresBodies && target === '/free/a' && outcome === 'refused'
      // A free body goes on as it comes, so the call may have begun, and been answered, before the body went wrong.
      const reached = upstream.requests.slice(before).filter((each) => !(answeredEarly && each.target === target))
      if (outcome === 'refused') {
        expect({ reached, first: answer.statuses[0] }).toEqual({ reached: [], first: status })
        // What came behind it is no request of its own either.
        expect(answer.statuses.filter((each) => each < 400)).toEqual([])
        return
      }
      const wire = { method, target, body: ignoresBodies ? '' : body }
      expect(answer.statuses[0]).toBe(place.paid ? 200 : 402)
      expect(reached).toEqual(place.paid ? [expect.objectContaining(wire)] : [])
      if (!ignoresBodies) expect(upstream.strays).toEqual([])
    },
  )
})
