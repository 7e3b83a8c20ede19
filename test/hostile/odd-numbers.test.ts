import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buyFrom, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { makeRandom, type Random, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

/** msat for one unit, by path. */
const rates = { '/whole': 1_000n, '/small': 1n, '/odd': 333n, '/large': 100_000_000n } as const
type Path = keyof typeof rates

beforeAll(async () => {
  upstream = await openUpstream()
  const services = Object.entries(rates).map(
    ([path, rate]) => `
  POST ${path}:
    name: ${path.slice(1)}
    upstream: ${upstream.url}
    price: { per_unit: { of: n, rate: "${rate} msat" } }
    request: { unknown_fields: allow }
  GET ${path}: { name: ${path.slice(1)}-query, upstream: "${upstream.url}", price: { per_unit: { of: "?n", rate: "${rate} msat" } } }`,
  )
  services.push(`
  POST /both: { name: both, upstream: "${upstream.url}", price: { per_unit: { of: [n, m, "list.*.n"], rate: 1 } } }
  POST /sum:
    name: sum
    upstream: ${upstream.url}
    price: { sum: [{ per_unit: { of: n, rate: 1 } }, { per_unit: { of: m, rate: 1 } }] }`)
  gateway = await openGateway({
    config: `lightning: { max_open_invoices: 100000 }\nservices:${services.join('')}\n`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Numbers as JSON may have them. */
const numbers = [
  [
    '1',
    '1.0',
    '1.000000000000000000000000000000',
    '10e-1',
    '1E0',
    '1e+0',
    '0.1e1',
    '2.5',
    '0.1',
    '0.30000000000000004',
  ],
  ['0.001', '1e-9', '1e-300', '5e-324', '4.9e-324', '2e-400', '123456789.123456789', '9007199254740991', '1e15'],
  ['0', '0.0', '-0', '-0.0', '0e9', '0e-999', '-1', '-0.001', '-1e-400', '-9007199254740993', '1e400', '-1e400'],
  ['9007199254740992', '9007199254740993', '1e16', '1e21', '1e22', '1e308', '1.7976931348623157e308', '1e309'],
  ['NaN', 'nan', 'Infinity', '-Infinity', 'inf', '01', '+1', '.5', '5.', '0x10', '0b1', '0o7', '1_000', '1,5', '1n'],
  ['"1"', '" 1"', '"1e3"', '"0x10"', '"NaN"', '"٣"', 'true', 'false', 'null', '[]', '[1]', '{}', '""', '[[1]]'],
].flat()

/** What a number in JSON is, exactly: `num / den`. Undefined: it is no number. */
function exactly(text: string): { num: bigint; den: bigint } | undefined {
  const [, sign, whole = '', part = '', power = '0'] =
    /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) ?? []
  if (whole === '') return undefined
  const exponent = Number(power) - part.length
  const digits = BigInt(whole + part) * (sign === '-' ? -1n : 1n)
  if (Math.abs(exponent) > 500) return digits === 0n ? { num: 0n, den: 1n } : undefined
  return exponent >= 0
    ? { num: digits * 10n ** BigInt(exponent), den: 1n }
    : { num: digits, den: 10n ** BigInt(-exponent) }
}

/** In msat, in whole sats, never below what it is exactly. Undefined: nothing that is sold. */
function expectedMsat(text: string, rate: bigint): bigint | undefined {
  // Some readers take a text for the number that it spells, so it is priced as that, in plain decimals only.
  const number = /^"((?:0|[1-9][0-9]*)(?:\.[0-9]+)?)"$/.exec(text)?.[1] ?? text
  // What readers of JSON make of it is what is priced and what the upstream gets.
  const read: unknown = exactly(number) && JSON.parse(number)
  const value = typeof read === 'number' && Number.isFinite(read) ? exactly(String(read)) : undefined
  if (!value || value.num <= 0n) return undefined
  const isUnsafeInteger = typeof read === 'number' && Number.isInteger(read) && !Number.isSafeInteger(read)
  if (isUnsafeInteger) return undefined
  const sats = (value.num * rate + value.den * 1_000n - 1n) / (value.den * 1_000n)
  return sats * 1_000n >= 2n ** 53n ? undefined : sats * 1_000n
}

const inBody = (path: string, text: string): Sent => ({
  method: 'POST',
  path,
  body: `{"n":${text}}`,
  headers: { 'content-type': 'application/json' },
})

async function expectPrice(path: Path, text: string): Promise<'sold' | 'refused'> {
  const answer = await send(gateway, inBody(path, text))
  const expected = expectedMsat(text, rates[path])
  const what = `${text} at ${path}`
  if (expected === undefined) {
    expect(answer.status, `of ${what}`).toBe(400)
    expect(answer.headers['www-authenticate'], `of ${what}`).toBeUndefined()
    return 'refused'
  }
  // The wallet of the test asks for so much too; a price is exact or it is none.
  expect([answer.status, answer.json().amountMsat], `of ${what}`).toEqual([402, Number(expected)])
  return 'sold'
}

function anyNumber(random: Random): string {
  const digits = (most: number): string =>
    Array.from({ length: 1 + random.below(most) }, () => String(random.below(10))).join('')
  const whole = digits(random.of([1, 5, 20])).replace(/^0+(?=.)/, '')
  const part = random.below(2) === 0 ? '' : `.${digits(random.of([1, 9, 25]))}`
  const power =
    random.below(3) > 0 ? '' : `${random.of(['e', 'E'])}${random.of(['', '+', '-'])}${digits(random.of([1, 1, 3]))}`
  return `${random.below(8) === 0 ? '-' : ''}${whole}${part}${power}`
}

describe('a number that is priced', () => {
  test('in a body is priced exactly, or the request is refused: nothing is free', async (context) => {
    const calls = upstream.calls.length
    for (const path of Object.keys(rates) as Path[]) for (const text of numbers) await expectPrice(path, text)
    expect(upstream.calls).toHaveLength(calls)
    tally(context, { kind: 'numbers', tried: 4 * numbers.length })
  })

  test('may be any', async (context) => {
    const random = makeRandom(runSeed)
    const runs = scale(150, 4_000)
    const counts = { sold: 0, refused: 0 }
    for (let run = 0; run < runs; run++)
      counts[await expectPrice(random.of(Object.keys(rates) as Path[]), anyNumber(random))]++
    tally(context, {
      kind: 'numbers',
      tried: runs,
      note: `seed ${runSeed}; ${counts.sold} sold, ${counts.refused} refused`,
    })
    expect(counts.sold).toBeGreaterThan(runs / 10)
    expect(counts.refused).toBeGreaterThan(runs / 10)
  })

  test.for(['-1', '-9', '-0.5', '-1e2', '-9007199254740991', '"-1"'])(
    'makes nothing beside it cheaper: %s',
    async (text, context) => {
      tally(context, { kind: 'numbers', tried: 4 })
      for (const [path, body] of [
        ['/both', `{"n":${text},"m":10}`],
        ['/both', `{"n":10,"m":${text}}`],
        ['/both', `{"n":10,"m":10,"list":[{"n":${text}}]}`],
        ['/sum', `{"n":${text},"m":10}`],
      ] as const) {
        const answer = await send(gateway, { ...inBody(path, '1'), body })
        expect([body, answer.status]).toEqual([body, 400])
      }
      const good = await send(gateway, { path: '/both', body: { n: 10, m: 10, list: [{ n: 1 }] } })
      expect([good.status, good.json().amountMsat]).toEqual([402, 21_000])
    },
  )

  test('in a query is a plain decimal above 0, or the request is refused', async (context) => {
    tally(context, { kind: 'numbers', tried: numbers.length })
    for (const text of numbers) {
      const answer = await send(gateway, { path: `/whole?n=${encodeURIComponent(text)}` })
      const plain = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?$/.test(text) && Number(text) > 0
      expect([text, answer.status]).toEqual([text, plain ? 402 : 400])
    }
  })

  test('reaches the upstream as the number that was paid for', async (context) => {
    const paidFor = ['1', '1.0', '2.5', '0.30000000000000004', '10e-1', '123456789.123456789', '5e-324']
    tally(context, { kind: 'numbers', tried: paidFor.length })
    for (const text of paidFor) {
      expect((await buyFrom(gateway, inBody('/small', text))).status).toBe(200)
      expect(JSON.parse(upstream.calls.at(-1)?.body.toString() ?? '')).toEqual({ n: Number(text) })
    }
  })
})
