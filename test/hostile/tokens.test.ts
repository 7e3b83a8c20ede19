import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { authorize, type Verdict } from '#src/gateway/authorize.ts'
import type { MasterKey } from '#src/ports/keys.ts'
import { makeIdentifier, makeTerms, master, mint, mintedAt, preimage } from '../l402/samples.ts'
import { mutateCredential } from './support/mutate-credential.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

const key: MasterKey = { id: 3, state: 'mint', secret: master }
const till = {
  keys: { minting: key, all: [key], find: (id: number) => (id === key.id ? key : undefined) },
  clock: { nowMs: () => mintedAt * 1000 + 60_000, monotonicMs: () => 0 },
  revisions: { longestLifeMs: 86_400_000 },
} as unknown as Parameters<typeof authorize>[0]

const one = { token: mint(), preimage }
const otherPreimage = '08'.repeat(32)
const other = {
  token: mint(
    makeTerms({ path: '/api/l402/other-clone', priceMsat: 1_000_000n }),
    makeIdentifier({ paymentHash: hash('sha256', Buffer.from(otherPreimage, 'hex'), 'buffer') }),
  ),
  preimage: otherPreimage,
}

test('no mutated credential verifies, crashes, or takes long', { timeout: 400_000 }, (context) => {
  const runs = scale(10_000, 1_000_000)
  const random = makeRandom(runSeed)
  const genuine = authorize(till, [`L402 ${one.token}:${one.preimage}`])
  const theirs = authorize(till, [`L402 ${other.token}:${other.preimage}`])
  expect([genuine.kind, theirs.kind]).toEqual(['genuine', 'genuine'])
  const own = JSON.stringify([genuine, theirs], bigintText)
  const tookMs = new Float64Array(runs)
  const outcomes = new Map<string, number>()
  const widened: string[][] = []
  for (let run = 0; run < runs; run++) {
    const lines = mutateCredential(random, one, other)
    const { outcome, verdict } = judge(lines)
    // Another spelling of a token is that token, to the letter: nothing of it was changed by the mutation.
    if (verdict?.kind === 'genuine' && !own.includes(JSON.stringify(verdict.token, bigintText))) widened.push(lines)
    tookMs[run] = timeOf(lines)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  expect(widened).toEqual([])
  for (const outcome of ['unknown_token', 'malformed_credential', 'wrong_preimage', 'conflicting_credentials', 'none'])
    expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(runs / 2_000)
  tookMs.sort()
  const [p50 = 0, p999 = 0, max = 0] = [0.5, 0.999, 1].map((part) => tookMs[Math.ceil(runs * part) - 1])
  const times = [p50, p999, max].map((ms) => `${(ms * 1000).toFixed(0)} µs`)
  const answers = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  const note = `seed ${runSeed}; half within ${times[0]}, p99.9 ${times[1]}, longest ${times[2]}; ${answers}`
  tally(context, { kind: 'credentials', tried: runs, note })
  expect(max).toBeLessThan(1)
})

function judge(lines: readonly string[]): { readonly outcome: string; readonly verdict?: Verdict } {
  try {
    const verdict = authorize(till, lines)
    return { outcome: verdict.kind === 'rejected' ? verdict.code : verdict.kind, verdict }
  } catch (thrown) {
    if (thrown instanceof GatewayError) return { outcome: thrown.code }
    throw new Error(`seed ${runSeed}: ${JSON.stringify(lines)}`, { cause: thrown })
  }
}

/** What a credential itself costs, in ms: a long time may be another program's, so it is taken again before it counts. */
function timeOf(lines: readonly string[]): number {
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 20 && least > 0.5; attempt++) {
    const begun = performance.now()
    judge(lines)
    least = Math.min(least, performance.now() - begun)
  }
  return least
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
