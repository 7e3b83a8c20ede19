import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { hasPython } from './support/foreign-upstreams.ts'
import { makeRandom, type Random, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  const service = (name: string, count: string): string => `
  POST /${name}:
    name: ${name}
    upstream: ${upstream.url}
    price: { per_char: { of: prompt, rate: 1, count: ${count} }, min: 1 }
  GET /${name}/:text: { name: ${name}-path, upstream: "${upstream.url}", price: { per_char: { of: ":text", rate: 1, count: ${count} } } }
  GET /${name}-query: { name: ${name}-query, upstream: "${upstream.url}", price: { per_char: { of: "?text", rate: 1, count: ${count} } } }`
  gateway = await openGateway({
    config: `lightning: { max_open_invoices: 100000 }\nservices:${service('points', 'codepoints')}${service('units', 'utf16')}${service('bytes', 'bytes')}\n`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const texts = [
  'a cat',
  '\u{1f600}',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}',
  '\u{1f3f3}\ufe0f\u200d\u{1f308}',
  '\u{1f1e6}\u{1f1f9}',
  '\ufdfa',
  'e\u0301'.repeat(9),
  'Z\u0351\u0346\u030a\u0302\u0350',
  '\u{10ffff}\u{10000}',
  '\u200b\u200b\u200b',
  '\u2028\u2029\u0085',
  '\ufeffa',
  '\u202eabc\u202c',
  '\ud7ff\ue000\uffff\ufffd',
  '\u0000',
  '漢字かな',
  '𝒳𝓎𝓏'.repeat(50),
]

/** In the JSON of Python, which escapes whatever is not ASCII. */
const escaped = (text: string): string =>
  text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

async function priceOf(request: Sent): Promise<number> {
  const answer = await send(gateway, request)
  expect(answer.status, `${request.path}: ${answer.text}`).toBe(402)
  return answer.json().amountMsat / 1000
}

const inBody = (count: string, json: string): Sent => ({
  method: 'POST',
  path: `/${count}`,
  body: json,
  headers: { 'content-type': 'application/json' },
})

/** How long Python says that each text is. */
function measuredByPython(all: readonly string[]): { points: number; units: number; bytes: number }[] {
  const program = `
import json, sys
print(json.dumps([dict(points=len(t), units=len(t.encode("utf-16-le")) // 2, bytes=len(t.encode())) for t in json.load(sys.stdin)]))`
  const input = `[${all.map((text) => `"${escaped(text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))}"`).join(',')}]`
  const { stdout } = spawnSync('python3', ['-c', program], { input, maxBuffer: 2 ** 26 })
  return JSON.parse(stdout.toString()) as ReturnType<typeof measuredByPython>
}

function anyText(random: Random): string {
  const point = (): number => {
    const most = random.of([0x7f, 0x7ff, 0xffff, 0x10ffff])
    const code = random.below(most + 1)
    return code >= 0xd800 && code <= 0xdfff ? 0x1f600 : code
  }
  return String.fromCodePoint(...Array.from({ length: 1 + random.below(30) }, point))
}

describe('a price by characters', () => {
  test.skipIf(!hasPython)('is by those that an upstream in another language counts', async (context) => {
    const random = makeRandom(runSeed)
    const all = [...texts, ...Array.from({ length: scale(40, 600) }, () => anyText(random))]
    const expected = measuredByPython(all)
    expect(expected).toHaveLength(all.length)
    for (const [at, text] of all.entries())
      for (const count of ['points', 'units', 'bytes'] as const) {
        const price = expected[at]?.[count]
        const what = `${count} of ${JSON.stringify(text)}`
        expect(await priceOf(inBody(count, JSON.stringify({ prompt: text }))), `of ${what}`).toBe(price)
      }
    tally(context, { kind: 'texts', tried: 3 * all.length, note: `seed ${runSeed}` })
  })

  test('is the same however a text is written', async (context) => {
    tally(context, { kind: 'texts', tried: 4 * texts.length })
    for (const text of texts)
      for (const count of ['points', 'units', 'bytes']) {
        const plain = await priceOf(inBody(count, JSON.stringify({ prompt: text })))
        expect(await priceOf(inBody(count, `{"prompt":"${escaped(text)}"}`))).toBe(plain)
        expect(await priceOf({ path: `/${count}-query?text=${encodeURIComponent(text)}` })).toBe(plain)
        // A path has one spelling only, and no control characters.
        if (!/\p{Cc}/u.test(text) && text.length < 50)
          expect(await priceOf({ path: `/${count}/${encodeURIComponent(text)}` })).toBe(plain)
      }
  })

  test('is never below what the text decomposes to by bytes, where bytes are counted', async () => {
    for (const text of texts) {
      const widest = Buffer.byteLength(text)
      expect(await priceOf(inBody('bytes', JSON.stringify({ prompt: text })))).toBe(widest)
      expect(Array.from(text).length).toBeLessThanOrEqual(widest)
    }
  })

  test.for([
    '"\\ud83d"',
    '"\\ude00"',
    '"\\ude00\\ud83d"',
    '"a\\ud83dz"',
    '"\\ud83d\\u0041"',
    '"\\uD83D\\uD83D\\uDE00"',
  ])('is none for half a character: %s', async (value, context) => {
    tally(context, { kind: 'texts', tried: 3 })
    for (const count of ['points', 'units', 'bytes']) {
      const answer = await send(gateway, inBody(count, `{"prompt":${value}}`))
      expect([answer.status, answer.json().code]).toEqual([400, 'bad_json'])
    }
  })

  test.for(['%ED%A0%BD', '%ED%B8%80', '%ED%A0%BD%ED%B8%80', '%F4%90%80%80', '%C0%80', '%80'])(
    'is none for bytes that are no character: %s',
    async (value, context) => {
      tally(context, { kind: 'texts', tried: 3 })
      const bytes = Buffer.from(value.replaceAll('%', ''), 'hex')
      const body = Buffer.concat([Buffer.from('{"prompt":"'), bytes, Buffer.from('"}')])
      const json = { 'content-type': 'application/json' }
      const answers = [
        await send(gateway, { method: 'POST', path: '/points', body, headers: json }),
        await send(gateway, { path: `/points-query?text=${value}` }),
        await send(gateway, { path: `/points/${value}` }),
      ]
      expect(answers.map(({ status }) => status)).toEqual([400, 400, 400])
    },
  )
})
