import { expect, type TestContext, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { type ForeignUpstream, hasPhp, hasSinatra, openPhp, openSinatra } from './support/foreign-upstreams.ts'
import { type Kind, kinds, makeRequest } from './support/framework-requests.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

/** Every request that is sold is bought, and its upstream asked what it found. */

const price = '{ per_unit: { of: steps, rate: { by: quality, default: low, table: { low: 1, high: 100 } } } }'
const config = (url: string): string => `
upstreams: { other: { url: "${url}", breaker: { failures: 1000, ratio: 1 } } }
services:
  POST /speak: { name: speak, upstream: { use: other }, price: { per_char: { of: "?text", rate: 1, min: 2 } } }
  POST /make: { name: make, upstream: { use: other }, price: ${price} }
  POST /form: { name: form, upstream: { use: other }, request: { content_type: multipart/form-data }, price: ${price} }
  POST /items/:id: { name: rename, upstream: { use: other }, price: { flat: 1 } }
  DELETE /items/:id: { name: remove, upstream: { use: other }, price: { flat: 1000 } }
`

interface Seen {
  readonly method: string
  readonly readings: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** In sats, of what somebody found. */
function priceOf(kind: Kind, { text, steps, quality }: Readonly<Record<string, unknown>>): number {
  switch (kind) {
    case 'items':
      return 1
    case 'speak':
      return Math.max(2, Array.from(typeof text === 'string' ? text : JSON.stringify(text ?? '')).length)
    case 'make':
    case 'form':
      return Math.ceil(Number(steps) * (/^high$/i.test(String(quality).trim()) ? 100 : 1))
  }
}

async function isWhatWasPriced(context: TestContext, upstream: ForeignUpstream): Promise<void> {
  const requests = scale(120, 900)
  await using gateway = await openGateway({ config: config(upstream.url), logLevel: 'silent' })
  const random = makeRandom(runSeed)
  const sold = new Map<Kind, number>(kinds.map((kind) => [kind, 0]))
  const differences: string[] = []
  let left = requests
  const buy = async (kind: Kind, request: Sent): Promise<void> => {
    const { status } = await send(gateway, request)
    if (status !== 402) return expect([400, 415]).toContain(status)
    const payment = await payFor(gateway, request)
    const answer = await send(gateway, paid(request, payment))
    // Frameworks refuse, or stumble over, some of what they are sent: then nothing was made.
    if (answer.status !== 200) return
    sold.set(kind, (sold.get(kind) ?? 0) + 1)
    const { method, readings } = answer.json() as unknown as Seen
    const shown = `${request.path} ${JSON.stringify(request.headers)} ${String(request.body)}`
    if (method !== 'POST') differences.push(`${shown} is ${method}`)
    for (const [reading, found] of Object.entries(readings)) {
      const sats = priceOf(kind, found)
      if (sats * 1000 !== payment.amountMsat) differences.push(`${shown} is ${JSON.stringify(found)} in ${reading}`)
    }
  }
  const buyer = async (): Promise<void> => {
    while (left-- > 0) {
      const kind = random.of(kinds)
      await buy(kind, makeRequest(random, kind))
    }
  }
  await Promise.all(Array.from({ length: 4 }, buyer))
  const total = [...sold.values()].reduce((sum, each) => sum + each)
  tally(context, { kind: 'bodies', tried: requests, note: `seed ${runSeed}, ${total} sold` })
  expect(differences).toEqual([])
  for (const [, count] of sold) expect(count).toBeGreaterThan(requests / 100)
}

test.skipIf(!hasPhp)('what PHP finds in a request is what was priced', async (context) => {
  await using upstream = await openPhp()
  await isWhatWasPriced(context, upstream)
})

test.skipIf(!hasSinatra)('what Sinatra finds in a request is what was priced', async (context) => {
  await using upstream = await openSinatra()
  await isWhatWasPriced(context, upstream)
})
