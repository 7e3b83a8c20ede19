import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import type { Service } from '#src/catalog/service.ts'
import { loadConfigText } from '#src/config/load.ts'
import { GatewayError } from '#src/errors.ts'
import { quote } from '#src/gateway/quote.ts'
import { readMediaType } from '#src/gateway/request/media-type.ts'
import { hashMultipart } from '#src/gateway/request/multipart.ts'
import { maxKeyLength, maxValues } from '#src/gateway/request/strict-json.ts'
import { freePort } from '../cli/run.ts'
import { send } from '../support/buyer.ts'
import { startServe } from '../support/serve.ts'
import { openUpstream } from '../support/upstream.ts'
import { type HeavyBody, heavyBodies, heavyServices, mediaTypeOf } from './support/heavy-bodies.ts'
import { long, scale, tally } from './support/tally.ts'

/**
 * What one request may cost the only thread. Machines differ, so what is judged is that the time grows with the bytes
 * and no faster; what it takes is printed beside what `JSON.parse` and `JSON.stringify` take for the same bytes.
 */
const smallBytes = scale(16, 256) * 1024
const times = 4
const slack = 1.5
const slackMs = 10

const { config } = loadConfigText(heavyServices('http://127.0.0.1:9', '64MiB'), '/nowhere/gateway.yaml', {})
if (!config) throw new Error('the configuration is wrong')
const { catalog } = buildCatalog(config)

const serviceAt = (path: string): Service => {
  const found = catalog.match('POST', { host: undefined, path, query: '' } as never)
  if (found.kind !== 'service') throw new Error(`there is no ${path}`)
  return found.service
}

/** Everything that is done with a body on its way to a challenge. @returns the code of the refusal, if it is one */
function judge(heavy: HeavyBody, body: Buffer): string {
  try {
    if (heavy.boundary !== undefined) hashMultipart(body, heavy.boundary)
    const mediaType = readMediaType([mediaTypeOf(heavy)])
    quote(serviceAt(heavy.path).contract, { body, mediaType, query: '', params: new Map() })
    return 'priced'
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    expect(JSON.stringify(thrown.options.issues ?? []).length).toBeLessThan(200_000)
    return thrown.code
  }
}

/** The least of several, since anything may come between. */
function leastMs(work: () => unknown, runs = scale(3, 5)): number {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const begun = performance.now()
    work()
    least = Math.min(least, performance.now() - begun)
  }
  return least
}

function plainMs(body: Buffer): number | undefined {
  try {
    const text = body.toString()
    return leastMs(() => JSON.stringify(JSON.parse(text)), 2)
  } catch {
    return undefined
  }
}

describe('the time that a body takes grows with its bytes and no faster', () => {
  test.for(heavyBodies.map((heavy) => [heavy.name, heavy] as const))('%s', ([, heavy], context) => {
    const [small, large] = [smallBytes, smallBytes * times].map((bytes) => Buffer.from(heavy.make(bytes)))
    if (!small || !large) throw new Error('there is no body')
    const outcome = judge(heavy, large)
    expect(outcome).not.toBe('internal')
    const measure = () => [leastMs(() => judge(heavy, small)), leastMs(() => judge(heavy, large))] as const
    const isSlow = () => ofLarge > ofSmall * times * slack + slackMs
    let [ofSmall, ofLarge] = measure()
    // Once more where something came between.
    for (let again = 0; again < 3 && isSlow(); again++) [ofSmall, ofLarge] = measure()
    const plain = plainMs(large)
    const beside = plain === undefined ? '' : `, JSON.parse and stringify ${plain.toFixed(1)} ms`
    const note = `${heavy.name}: ${large.length >> 10} KiB ${ofLarge.toFixed(1)} ms, ${small.length >> 10} KiB ${ofSmall.toFixed(1)} ms (${outcome})${beside}`
    if (long) console.log(note)
    tally(context, { kind: 'loop lag', tried: 1, note })
    expect(isSlow()).toBe(false)
  })
})

test('more values than can be judged in a moment, and keys that no answer can name, are refused before they are judged', () => {
  const codeOf = (text: string): string => {
    const text8 = { essence: 'application/json', parameters: new Map<string, string>() }
    try {
      quote(serviceAt('/sum').contract, { body: Buffer.from(text), mediaType: text8, query: '', params: new Map() })
      return 'priced'
    } catch (thrown) {
      return thrown instanceof GatewayError ? thrown.code : 'internal'
    }
  }
  const one = '"items":[{"seconds":1}]'
  const zeros = (count: number): string => `{${one},"more":[${'0,'.repeat(count - 1)}0]}`
  // The object, its two lists, one item and its number are values too.
  expect([codeOf(zeros(maxValues - 5)), codeOf(zeros(maxValues - 4))]).toEqual(['priced', 'bad_json'])
  const keyed = (length: number): string => `{${one},"${'k'.repeat(length)}":0}`
  expect([codeOf(keyed(maxKeyLength)), codeOf(keyed(maxKeyLength + 1))]).toEqual(['priced', 'bad_json'])
})

test.runIf(long)(
  'a gateway in a process of its own answers others meanwhile',
  { timeout: 280_000 },
  async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'turnpike-lag-'))
    await using upstream = await openUpstream()
    const [url, adminUrl] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
    const file = join(directory, 'gateway.yaml')
    writeFileSync(file, `data: ./data\nlog: { level: error }\n${heavyServices(upstream.url, '16MiB')}`)
    await using gateway = await startServe({ file, url, adminUrl })
    /** Since it was asked for last; the gauge looks every 10 ms, and begins anew with each look. */
    const lagMs = async (): Promise<number> => {
      const text = await (await fetch(`${adminUrl}/metrics`)).text()
      return Number(/^nodejs_eventloop_lag_max_seconds ([0-9.e-]+)$/m.exec(text)?.[1] ?? Number.NaN) * 1000
    }
    const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
      ...[1, 16].flatMap((MiB) =>
        heavyBodies.map(
          (heavy) =>
            [
              `${heavy.name}, ${MiB} MiB`,
              () => {
                const headers = { 'content-type': mediaTypeOf(heavy) }
                const body = Buffer.from(heavy.make(MiB * 2 ** 20 - 200))
                return send(gateway, { method: 'POST', path: heavy.path, headers, body })
              },
            ] as const,
        ),
      ),
      ['a query of 15 KiB', () => send(gateway, { path: `/text?${'a=b&'.repeat(3_800)}`, method: 'POST', body: {} })],
      [
        'a header of 15 KiB',
        () => send(gateway, { path: '/text', headers: { 'x-forwarded-for': ','.repeat(15_000) } }),
      ],
      [
        'a credential of 15 KiB',
        () => send(gateway, { path: '/text', headers: { authorization: `L402 ${'A'.repeat(15_000)}:00` } }),
      ],
    ]
    const worst: [number, string][] = []
    for (const [name, attack] of cases) {
      await lagMs()
      await attack()
      const lag = await lagMs()
      worst.push([lag, name])
      console.log(`${name}: the loop stood still for ${lag.toFixed(0)} ms at most`)
    }
    const [longest, name] = worst.toSorted(([a], [b]) => b - a)[0] ?? [0, '']
    tally(context, { kind: 'loop lag', tried: cases.length, note: `at most ${longest.toFixed(0)} ms: ${name}` })
    // Before its limits single ones took minutes; a busy machine is slow by another measure.
    expect(longest).toBeLessThan(5_000)
    rmSync(directory, { recursive: true, force: true })
  },
)
