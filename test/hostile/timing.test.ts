import { createHash, randomBytes, randomInt } from 'node:crypto'
import { hrtime } from 'node:process'
import { describe, expect, test } from 'vitest'
import { isBearer } from '#src/admin/admin-app.ts'
import { hmacSha256 } from '#src/l402/hmac.ts'
import { encodeIdentifier } from '#src/l402/identifier.ts'
import { encodeMacaroon, mintMacaroon, signChain } from '#src/l402/macaroon.ts'
import { preimageMatches, verifyToken } from '#src/l402/token.ts'
import { decodeOrFail, makeIdentifier, master, preimage } from '../l402/samples.ts'
import { long, tally } from './support/tally.ts'

/**
 * Whether the time of a comparison tells how far two values agree: two classes, wrong in the first byte and wrong in the
 * last, in random order. Welch's t of their times; beyond 4.5 they differ. A comparison that ends at the first
 * difference is measured in the same way, to show that the difference would be seen.
 */
const samples = 120_000
const most = 4.5

/** Copies `right`, wrong in one byte, into `into`: the same memory for both classes. */
const spoil = (into: Uint8Array, right: Uint8Array, at: number): void => {
  into.set(right)
  into[at] = (into[at] ?? 0) ^ 1
}

interface Comparison {
  /** What `given` is compared with. */
  readonly right: Uint8Array
  readonly given: Uint8Array
  readonly compare: () => boolean
}

function welch({ right, given, compare }: Comparison, count: number): number {
  const classes = new Uint8Array(count).map(() => randomInt(2))
  const times = new Float64Array(count)
  for (let at = -Math.floor(count / 5); at < count; at++) {
    spoil(given, right, classes[at] === 1 ? right.length - 1 : 0)
    const begun = hrtime.bigint()
    const same = compare()
    const took = hrtime.bigint() - begun
    if (same) throw new Error('two different values are the same')
    // Those before the first are for warming up.
    if (at >= 0) times[at] = Number(took)
  }
  // The slower half is that of interrupts, collections and other programs.
  const cut = times.toSorted()[Math.floor(count / 2)] ?? 0
  const [first, last] = [0, 1].map((wanted) => times.filter((time, at) => classes[at] === wanted && time <= cut))
  return difference(first ?? times, last ?? times)
}

function difference(a: Float64Array, b: Float64Array): number {
  const mean = (all: Float64Array): number => all.reduce((sum, each) => sum + each, 0) / all.length
  const variance = (all: Float64Array, middle: number): number =>
    all.reduce((sum, each) => sum + (each - middle) ** 2, 0) / (all.length - 1)
  const [meanA, meanB] = [mean(a), mean(b)]
  return (meanB - meanA) / Math.sqrt(variance(a, meanA) / a.length + variance(b, meanB) / b.length)
}

/** What nobody should write. */
function endsEarly(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

const identifier = encodeIdentifier(makeIdentifier())
/** A token without a caveat: the least work around the comparison. */
const bare = decodeOrFail(
  encodeMacaroon(mintMacaroon(hmacSha256(master, identifier), { location: 'lsat', identifier, caveats: [] })).toString(
    'base64',
  ),
)
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

const comparisons: readonly (readonly [string, () => { own: Comparison; planted: Comparison }])[] = [
  [
    'a token’s signature',
    () => {
      const right = Uint8Array.from(bare.macaroon.signature)
      const given = new Uint8Array(right.length)
      const token = { ...bare, macaroon: { ...bare.macaroon, signature: given } }
      return {
        own: { right, given, compare: () => verifyToken(token, master, preimage) !== undefined },
        planted: {
          right,
          given,
          compare: () => endsEarly(signChain(hmacSha256(master, identifier), identifier, []), given),
        },
      }
    },
  ],
  [
    'a preimage’s hash',
    () => {
      const right = Uint8Array.from(sha256(Buffer.from(preimage, 'hex')))
      const given = new Uint8Array(right.length)
      return {
        own: { right, given, compare: () => preimageMatches(preimage, given) },
        planted: { right, given, compare: () => endsEarly(sha256(Buffer.from(preimage, 'hex')), given) },
      }
    },
  ],
  [
    'the operator’s token',
    () => {
      const token = 'a'.repeat(16) + randomBytes(32).toString('hex')
      const right = Uint8Array.from(Buffer.from(token))
      const given = Buffer.alloc(right.length)
      const digest = sha256(right)
      return {
        own: { right, given, compare: () => isBearer(`Bearer ${given.toString('latin1')}`, token) },
        planted: {
          right,
          given,
          // The same work, and then the texts themselves.
          compare: () => sha256(Buffer.from(given.toString('latin1'))).equals(digest) || endsEarly(given, right),
        },
      }
    },
  ],
]

describe.skipIf(!long)('how long it takes to refuse does not tell how wrong it is', () => {
  test.for(comparisons)('%s', { retry: 2 }, ([, make], context) => {
    const { own, planted } = make()
    const [quiet, loud] = [welch(own, samples), welch(planted, samples)]
    tally(context, {
      kind: 'timing',
      tried: 2 * samples,
      note: `t = ${quiet.toFixed(1)}; of a comparison that ends early ${loud.toFixed(1)}`,
    })
    expect(Math.abs(quiet)).toBeLessThan(most)
    expect(loud).toBeGreaterThan(2 * most)
  })
})
