import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { hasPython } from './support/foreign-upstreams.ts'
import { makeRandom, type Random, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  POST /make:
    name: make
    upstream: ${upstream.url}
    price: { per_unit: { of: steps, rate: { by: quality, default: low, table: { low: 1, high: 100 } } } }
  POST /form:
    name: form
    upstream: ${upstream.url}
    request: { content_type: multipart/form-data }
    price: { per_unit: { of: steps, rate: { by: quality, default: low, table: { low: 1, high: 100 } } } }
  POST /query: { name: query, upstream: "${upstream.url}", price: { per_unit: { of: "?steps", rate: 1 } } }
  GET /kind/:kind:
    name: kind
    upstream: ${upstream.url}
    price: { per_char: { of: ":kind", rate: { by: ":kind", default: low, table: { low: 1, "hé hé": 50 } } } }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const keys = [
  'steps',
  'Steps',
  'STEPS',
  '\u017fteps',
  'ste\u0440s',
  'quality',
  'Quality',
  'quality[]',
  'quality.x',
  ' quality',
  'quality ',
  '__proto__',
  'constructor',
  'toString',
  'a',
  '',
]
const numbers = [
  '1',
  '2',
  '9',
  '1.0',
  '1e0',
  '10e-1',
  '-0',
  '-5',
  '0',
  '01',
  '+1',
  '1_0',
  '0x1',
  '1e400',
  '-1e400',
  'NaN',
  'Infinity',
  '9007199254740993',
  '1e16',
  '4.9e-324',
  '0.1e1',
  '"1"',
  'true',
  'null',
  '[1]',
  '{"steps":9}',
]
const strings = [
  '"low"',
  '"high"',
  '"HIGH"',
  '"h\\u0069gh"',
  '"high "',
  '"\\ud800"',
  '"\\u0000"',
  '"hi\\gh"',
  '"\ufeffhigh"',
  'null',
  '"\u0130"',
]

function escapeKey(random: Random, key: string): string {
  if (random.below(3) > 0) return JSON.stringify(key)
  return `"${key
    .split('')
    .map((each) => (random.below(2) === 0 ? `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}` : each))
    .join('')}"`
}

function anyJson(random: Random): Buffer {
  const members = Array.from({ length: 1 + random.below(4) }, (_, at) => {
    const key = at === 0 ? 'steps' : at === 1 ? 'quality' : random.of(keys)
    const value =
      random.below(12) === 0 ? '['.repeat(random.below(40)) : random.of(/steps/i.test(key) ? numbers : strings)
    return `${escapeKey(random, key)}${random.of([':', ' : '])}${value}`
  })
  const text = `${random.of(['', '', '', '\ufeff', ' ', '\n'])}{${members.join(random.of([',', ', ', ',,', ';']))}}${random.of(['', '', '', '{}', '\0', '//', ','])}`
  return random.below(25) === 0 ? Buffer.from(text, 'utf16le') : Buffer.from(text)
}

const boundary = 'b0undary'
function anyForm(random: Random): Buffer {
  const parts = Array.from({ length: 1 + random.below(3) }, (_, at) => {
    const key = at === 0 ? 'steps' : at === 1 ? 'quality' : random.of(keys)
    const value = /steps/i.test(key)
      ? random.of(['1', '2', '9', '1', '2', '9', '1.0', ' 1', '1e1', '-1', '٣', ''])
      : random.of([
          'low',
          'high',
          'HIGH',
          `x\r\n--${boundary}x`,
          `--${boundary}`,
          `\r\n--${boundary}--`,
          `a\n--${boundary}\nb`,
        ])
    const name = random.of([
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name="${key}"`,
      `name=${key}`,
      `name="a"; name="${key}"`,
      `name="${key}"; filename="x"`,
      `name*=utf-8''${key}`,
      `name="${key.replace('t', '\\t')}"`,
    ])
    const more = random.of([
      '',
      '',
      '',
      '\r\nContent-Type: text/plain',
      '\r\nContent-Transfer-Encoding: base64',
      '\r\nContent-Type: text/plain; charset=utf-16',
    ])
    return `--${boundary}${random.of(['', '', '', '', '', '', '', ' ', '\t'])}\r\nContent-Disposition: form-data; ${name}${more}\r\n\r\n${value}\r\n`
  })
  return Buffer.from(
    `${random.of(['', '', '', '', '', '', 'preamble\r\n', '\r\n'])}${parts.join('')}--${boundary}--${random.of(['', '\r\n', 'x'])}`,
  )
}

interface Forwarded {
  readonly kind: 'json' | 'form'
  readonly type: string
  readonly body: Buffer
  readonly paidMsat: number
}

/** msat, in whole sats. */
const priceOf = ({ steps, quality }: Record<string, unknown>): number =>
  Math.ceil(Number(steps) * (typeof quality === 'string' && quality.toLowerCase() === 'high' ? 100 : 1)) * 1000

/** Buys every body that is sold. @returns what the upstream got, and what was paid */
async function buyAll(
  kind: Forwarded['kind'],
  bodies: readonly Buffer[],
): Promise<{ sold: Forwarded[]; refused: number }> {
  const sold: Forwarded[] = []
  let refused = 0
  const type = kind === 'json' ? 'application/json' : `multipart/form-data; boundary=${boundary}`
  for (const body of bodies) {
    const request: Sent = {
      method: 'POST',
      path: kind === 'json' ? '/make' : '/form',
      body,
      headers: { 'content-type': type },
    }
    const asked = await send(gateway, request)
    if (asked.status !== 402) {
      expect([400, 413, 415]).toContain(asked.status)
      refused++
      continue
    }
    const { authorization, amountMsat } = await payFor(gateway, request)
    const answer = await send(gateway, { ...request, headers: { 'content-type': type, ...authorization } })
    expect(answer.status).toBe(200)
    const call = upstream.calls.at(-1)
    sold.push({
      kind,
      type: call?.headers['content-type'] ?? '',
      body: call?.body ?? Buffer.alloc(0),
      paidMsat: amountMsat,
    })
  }
  return { sold, refused }
}

function readByPython(all: readonly Forwarded[]): Record<string, unknown>[] {
  const input = all
    .map(({ kind, type, body }) => JSON.stringify({ kind, type, body: body.toString('base64') }))
    .join('\n')
  const script = new URL('./support/read-bodies.py', import.meta.url).pathname
  const { stdout } = spawnSync('python3', [script], { input, maxBuffer: 2 ** 28 })
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('what was paid for is what other readers find in the forwarded bytes', () => {
  test.skipIf(!hasPython).for([
    ['json', anyJson, 300, 4_000],
    ['form', anyForm, 200, 2_000],
  ] as const)('%s', async ([kind, make, short, whole], context) => {
    const random = makeRandom(runSeed)
    const runs = scale(short, whole)
    const { sold, refused } = await buyAll(
      kind,
      Array.from({ length: runs }, () => make(random)),
    )
    tally(context, {
      kind: 'bodies',
      tried: runs,
      note: `${kind}: seed ${runSeed}, ${sold.length} sold, ${refused} refused`,
    })
    expect(sold.length).toBeGreaterThan(runs / 100)
    expect(refused).toBeGreaterThan(runs / 5)
    for (const [at, python] of readByPython(sold).entries()) {
      const each = sold[at]
      if (!each) throw new Error('Python read another number of bodies')
      expect(priceOf(python), `body ${each.body.toString()}`).toBe(each.paidMsat)
      if (kind === 'json')
        expect(priceOf(JSON.parse(each.body.toString()) as Record<string, unknown>)).toBe(each.paidMsat)
      const names = Object.keys(python)
        .map((name) => (kind === 'form' ? name.trim().replace(/\[.*$/s, '') : name))
        .map((name) => name.toLowerCase().toUpperCase())
        .filter((name) => name === 'STEPS' || name === 'QUALITY')
      expect(new Set(names).size, `body ${each.body.toString()}`).toBe(names.length)
    }
  })
})

describe('another spelling of a priced name or value', () => {
  test.for([
    '?steps=1&Steps=9',
    '?steps=1&steps[]=9',
    '?steps=1&steps[0]=9',
    '?steps=1&%20steps=9',
    '?steps=1&%73teps=9',
    '?steps=1&x=1;steps=9',
    '?steps=1&%C5%BFteps=9',
    '?steps=1&STEPS%5B%5D=9',
    '?steps=1&steps%00=9',
    '?steps=1&steps%00x%5B%5D=9',
  ])('in a query is refused: %s', async (query, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(gateway, { method: 'POST', path: `/query${query}` })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
  })

  test.for([
    '?steps=9',
    '?a=1&quality=high',
    '?QUALITY=high',
    '?quality[]=high',
    '?quality+=high',
    '?%71uality=high',
    '?quality',
    '?a;quality=high',
    '?a=1&a=2&b=%zz&quality=high',
  ])('in the query beside a priced body is refused: %s', async (query) => {
    const answer = await send(gateway, { path: `/make${query}`, body: { steps: 1 } })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
    const other = await send(gateway, {
      path: `/make${query.replaceAll(/qu?ality|%71uality|steps/gi, 'seed')}`,
      body: { steps: 1 },
    })
    expect(other.status).toBe(402)
  })

  const spellings = ['\u017fteps', 'STEPS', 'quality[]', 'Quality', 'quality ', 'quality_']
  test.for(spellings)('in a form is refused: %s', async (name, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const part = (each: string, value: string) =>
      `--b\r\nContent-Disposition: form-data; name="${each}"\r\n\r\n${value}\r\n`
    const answer = await send(gateway, {
      method: 'POST',
      path: '/form',
      body: `${part('steps', '1')}${part(name, '9')}--b--`,
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
    })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
  })

  test.for(['\u017fteps', 'steps\0', 'STEPS\0x'])('of Unicode’s in JSON is refused: %j', async (name) => {
    const answer = await send(gateway, { path: '/make', body: { steps: 1, [name]: 9 } })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
  })

  test('a path parameter is priced by its text, not by its escapes', async () => {
    const answer = await send(gateway, { path: '/kind/h%C3%A9%20h%C3%A9' })
    expect([answer.status, answer.json().amountMsat]).toEqual([402, 5 * 50_000])
  })
})
