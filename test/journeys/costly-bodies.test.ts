import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

const config = (upstream: string) => `
services:
  POST /chat:
    name: chat
    upstream: ${upstream}
    price: { flat: 7 }
    request:
      schema:
        type: object
        properties:
          messages:
            type: array
            items:
              anyOf:
                - { type: string }
                - { type: object, properties: { content: { type: string } }, required: [content] }
        required: [messages]
  POST /render: { name: render, upstream: "${upstream}", price: { duration: { of: scenes.*.seconds, rate: 3 } } }
  POST /count: { name: count, upstream: "${upstream}", price: { per_char: { of: lines.*.text, rate: 1 } } }
  POST /named: { name: named, upstream: "${upstream}", price: { per_char: { of: aaaaaaaaaaaa, rate: 1 } } }
`

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({ config: config(upstream.url) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const list = <T>(length: number, item: (index: number) => T): T[] =>
  Array.from({ length }, (_each, index) => item(index))

/** Every way to write a name of so many letters in capitals and small ones, but for the right one. */
const spellings = (letters: number) =>
  Object.fromEntries(
    list(2 ** letters - 1, (at) => [list(letters, (letter) => ((at >> letter) & 1 ? 'a' : 'A')).join(''), 0]),
  )

/** Nobody has paid for any of these, and while one is judged nobody else is served. */
test.for([
  ['of which every item is wrong in two ways', '/chat', { messages: list(30_000, () => 1) }, 400],
  [
    'with numbers of many decimals',
    '/render',
    { scenes: list(4_000, (at) => ({ seconds: at % 2 ? 1e-300 : 1e-299 })) },
    402,
  ],
  ['of which no item can be priced', '/count', { lines: list(30_000, () => ({ text: 1 })) }, 400],
  ['with a key as long as itself', '/chat', { messages: [], ['k'.repeat(500_000)]: 1 }, 400],
  ['with thousands of look-alikes of a key', '/named', spellings(12), 400],
] as const)('a body %s is answered soon, and shortly', async ([, path, body, status]) => {
  await send(gateway, { path, body: {} })
  const begunMs = performance.now()
  const answered = await send(gateway, { path, body })
  expect(performance.now() - begunMs).toBeLessThan(5_000)
  expect(answered.status).toBe(status)
  expect(answered.text.length).toBeLessThan(20_000)
})
