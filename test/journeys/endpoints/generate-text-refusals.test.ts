import { request as httpRequest } from 'node:http'
import { afterAll, describe, expect, test } from 'vitest'
import { buyFrom, send } from '../../support/buyer.ts'
import { offer, openShop, outcomeOf, refusal, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

const says = (content: unknown, role: unknown = 'User') => ({ role, content })
const ask = (fields: object) => request('generate-text', { input: [says('What is in this image?')], ...fields })
const talk = (input: unknown) => request('generate-text', { input })
const png = (bytes: number) => `data:image/png;base64,${Buffer.alloc(bytes, 7).toString('base64')}`
const largestImage = 10_485_760
const counted = '$.input[*].content + $.fileContext'

describe('a conversation that cannot be answered is not sold', () => {
  test.for([
    ['no input', request('generate-text', {}), ['$.input']],
    ['null as input', talk(null), ['$.input']],
    ['no messages', talk([]), ['$.input']],
    ['a plain text', talk('hello'), ['$.input']],
    ['a message outside a list', talk(says('hello')), ['$.input']],
    ['only the assistant', talk([says('hello', 'Assistant')]), ['$.input']],
    ['the role System', talk([says('be kind', 'System'), says('hello')]), ['$.input[0].role']],
    ['a role that is a number', talk([says('hello'), says('hello', 1)]), ['$.input[1].role']],
    ['no role', talk([says('hello'), { content: 'x' }]), ['$.input[1].role']],
    ['no content', talk([says('hello'), { role: 'User' }]), ['$.input[1].content']],
    ['null as content', talk([says('hello'), says(null)]), ['$.input[1].content']],
    ['content that is a number', talk([says('hello'), says(42)]), ['$.input[1].content']],
    ['content in parts', talk([says('hello'), says([{ type: 'text', text: 'x' }])]), ['$.input[1].content']],
    ['null as a message', talk([says('hello'), null]), ['$.input[1]']],
    ['a text as a message', talk([says('hello'), 'more']), ['$.input[1]']],
    ['a message with another field', talk([{ ...says('hello'), name: 'x' }]), ['$.input[0].name']],
    [
      'a message with its content in another case too',
      talk([{ ...says('x'), Content: 'long' }]),
      ['$.input[0].Content'],
    ],
    ['nothing said at all', talk([says('')]), [counted]],
    ['nothing said and an empty file', request('generate-text', { input: [says('')], fileContext: '' }), [counted]],
    ['a file that is not text', ask({ fileContext: 42 }), ['$.fileContext']],
    ['a file name that is not text', ask({ fileName: ['a'] }), ['$.fileName']],
    ['more than a thousand messages', talk(Array.from({ length: 1001 }, () => says('x'))), ['$.input']],
    ['a field that is not sold', ask({ max_tokens: 9 }), ['$.max_tokens']],
    ['a file in another case', ask({ filecontext: 'x' }), ['$.filecontext']],
  ] as const)('%s', async ([, sent, at]) => {
    expect(await outcomeOf(shop, sent)).toEqual(refusal({ at }))
  })
})

describe('a model that is not offered is not sold', () => {
  test.for([
    ['an unknown number', { modelId: 999 }, '$.modelId'],
    ['a number that is not whole', { modelId: 6.5 }, '$.modelId'],
    ['an unknown name', { modelId: 'ultra' }, '$.modelId'],
    ['no name', { modelId: '' }, '$.modelId'],
    ['a name with a space', { modelId: 'best ' }, '$.modelId'],
    ['a number in another notation', { modelId: '06' }, '$.modelId'],
    ['a truth value', { modelId: true }, '$.modelId'],
    ['a list', { modelId: ['standard'] }, '$.modelId'],
    ['an unknown older name', { model: 'ultra' }, '$.model'],
    ['a number as the older name', { model: 6 }, '$.model'],
    ['what every object has', { modelId: 'constructor' }, '$.modelId'],
  ] as const)('%s', async ([, fields, at]) => {
    expect(await outcomeOf(shop, ask(fields))).toEqual(refusal({ at: [at] }))
  })

  test('and the refusal says which ones are', async () => {
    const answer = await send(shop.gateway, ask({ modelId: 'ultra' }))
    expect(answer.json().issues?.[0]?.allowed).toEqual(['budget', 'standard', 'best'])
  })
})

describe('an image', () => {
  test.for([
    ['an SVG', 'data:image/svg+xml;base64,PHN2Zy8+'],
    ['a BMP', 'data:image/bmp;base64,Qk0='],
    ['base64 alone', 'iVBORw0KGgo='],
    ['a URL', 'https://example.com/cat.png'],
    ['no text', ''],
    ['a data URI without data', 'data:image/png;base64,'],
    ['a data URI that is not base64', 'data:image/png,abc'],
    ['base64 for URLs', 'data:image/png;base64,_-_-'],
    ['a number', 7],
  ] as const)('is not taken as %s', async ([, imageData]) => {
    expect(await outcomeOf(shop, ask({ imageData }))).toEqual(refusal({ at: ['$.imageData'] }))
  })

  test.for([
    ['standard', { modelId: 'standard' }],
    ['standard by its number', { modelId: 1 }],
    ['standard by its older name', { model: 'Standard' }],
    ['budget', { modelId: 'budget' }],
  ] as const)('is for the best model only, not %s', async ([, fields]) => {
    expect(await outcomeOf(shop, ask({ imageData: png(2_000_000), ...fields }))).toEqual(
      refusal({ at: ['$.imageData'] }),
    )
  })

  test('of 2 MB does not count for the price', async () => {
    expect(await outcomeOf(shop, ask({ imageData: png(2_000_000) }))).toEqual(offer(15, { modelId: 'best' }))
  })

  test('of 10 MiB is taken, and reaches the service whole', async () => {
    const imageData = png(largestImage)
    expect(imageData).toHaveLength('data:image/png;base64,'.length + 13_981_016)
    const sent = ask({ imageData })
    expect(await outcomeOf(shop, sent)).toEqual(offer(15, { modelId: 'best' }))
    shop.upstream.answer = (_call, outgoing) => void outgoing.end('a picture')
    const answer = await buyFrom(shop.gateway, sent)
    expect([answer.status, answer.text]).toEqual([200, 'a picture'])
    const received = JSON.parse(shop.upstream.calls.at(-1)?.body.toString() ?? '') as { imageData: string }
    expect(received.imageData === imageData).toBe(true)
  })

  test('of one byte more is not', async () => {
    expect(await outcomeOf(shop, ask({ imageData: png(largestImage + 1) }))).toEqual(refusal({ at: ['$.imageData'] }))
  })
})

describe('a body of more than 16 MiB is refused by its size', () => {
  const head = `{"input":[{"role":"User","content":"x"}],"fileContext":"`
  const body = (bytes: number) => `${head}${'x'.repeat(bytes - head.length - 2)}"}`
  const max = 16 * 1024 * 1024

  test('one byte more', async () => {
    expect(await outcomeOf(shop, request('generate-text', body(max + 1)))).toEqual(
      refusal({ status: 413, code: 'body_too_large' }),
    )
  })

  test('one byte more, sent without a length', async () => {
    const before = shop.gateway.wallet.asked.length
    // A client may see the answer or the end of the connection: the body is still under way when it is refused.
    const status = await sendInChunks(`${shop.gateway.url}/api/l402/generate-text`, body(max + 1))
    expect([413, 'connection ended']).toContain(status)
    expect(shop.gateway.wallet.asked).toHaveLength(before)
    expect(await sendInChunks(`${shop.gateway.url}/api/l402/generate-text`, body(max))).toBe(402)
  })

  test('and one of exactly that size is priced by its characters', async () => {
    const length = max - head.length - 2 + 1
    expect(await outcomeOf(shop, request('generate-text', body(max)))).toEqual(
      offer(Math.ceil(length / 100), {
        modelId: 'best',
      }),
    )
  })
})

/** Sends a body of no stated length. @returns the status of the answer */
function sendInChunks(url: string, body: string): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const sending = httpRequest(url, { method: 'POST', headers }, (answer) => {
      answer.resume().on('close', () => resolve(answer.statusCode ?? 0))
    })
    sending.on('error', () => resolve('connection ended'))
    for (let at = 0; at < body.length; at += 65_536) sending.write(body.slice(at, at + 65_536))
    sending.end()
  })
}
