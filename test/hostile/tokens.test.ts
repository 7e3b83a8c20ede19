import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { authorize } from '#src/gateway/authorize.ts'
import type { MasterKey } from '#src/ports/keys.ts'
import { makeIdentifier, makeTerms, master, mint, mintedAt, preimage } from '../l402/samples.ts'
import { mutateCredential } from './support/mutate-credential.ts'
import { makeRandom, runSeed } from './support/random.ts'
import { scale, tally } from './support/tally.ts'

const key: MasterKey = { id: 3, state: 'mint', secret: master }
const till = {
  keys: { minting: key, all: [key], find: (id: number) => (id === key.id ? key : undefined) },
  clock: { nowMs: () => mintedAt * 1000 + 60_000, monotonicMs: () => 0 },
  settings: { tokenTtlMs: 86_400_000 },
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

test('no mutated credential verifies, crashes, or takes long', (context) => {
  const runs = scale(30_000, 1_000_000)
  const random = makeRandom(runSeed)
  const genuine = authorize(till, [`L402 ${one.token}:${one.preimage}`])
  const theirs = authorize(till, [`L402 ${other.token}:${other.preimage}`])
  expect([genuine.kind, theirs.kind]).toEqual(['genuine', 'genuine'])
  const own = JSON.stringify([genuine, theirs], bigintText)
  const tookUs = new Float64Array(runs)
  const outcomes = new Map<string, number>()
  const widened: string[][] = []
  for (let run = 0; run < runs; run++) {
    const lines = mutateCredential(random, one, other)
    const begun = process.threadCpuUsage()
    let outcome: string
    try {
      const verdict = authorize(till, lines)
      outcome = verdict.kind === 'rejected' ? verdict.code : verdict.kind
      // Another spelling of a token is that token, to the letter: nothing of it was changed by the mutation.
      if (verdict.kind === 'genuine' && !own.includes(JSON.stringify(verdict.token, bigintText))) widened.push(lines)
    } catch (thrown) {
      if (!(thrown instanceof GatewayError))
        throw new Error(`seed ${runSeed}: ${JSON.stringify(lines)}`, { cause: thrown })
      outcome = thrown.code
    }
    const { user, system } = process.threadCpuUsage(begun)
    tookUs[run] = user + system
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  expect(widened).toEqual([])
  for (const outcome of ['unknown_token', 'malformed_credential', 'wrong_preimage', 'conflicting_credentials', 'none'])
    expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(runs / 2_000)
  tookUs.sort()
  const [p99 = 0, p999 = 0, max = 0] = [
    tookUs[Math.floor(runs * 0.99)],
    tookUs[Math.floor(runs * 0.999)],
    tookUs.at(-1),
  ]
  const times = `p99 ${p99} µs, p99.9 ${p999} µs, longest ${max} µs`
  const answers = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(', ')
  tally(context, { kind: 'credentials', tried: runs, note: `seed ${runSeed}; ${times}; ${answers}` })
  // Time of the processor, since other programs run on it; the few longest calls are those that garbage was collected in.
  expect(p999).toBeLessThan(1_000)
  expect(max).toBeLessThan(200_000)
})

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
