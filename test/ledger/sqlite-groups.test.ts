import { describe, expect, test } from 'vitest'
import { openSqliteInTemporary } from '../support/ledger/opened-ledger.ts'
import { again, makeCapture, makeClaim, makeFrame, now } from '../support/ledger/requests.ts'

/** A ledger, and the sizes of the groups that were committed since it was opened. */
async function openWatched() {
  const groups: number[] = []
  const opened = await openSqliteInTemporary({ onCommit: (operations) => void groups.push(operations) })
  groups.length = 0
  return Object.assign(opened, { groups })
}

describe('operations that are committed together', () => {
  test('are those that came while the last group was being committed', async () => {
    await using opened = await openWatched()
    await Promise.all(Array.from({ length: 100 }, () => opened.ledger.claim(makeClaim())))
    expect(opened.groups).toEqual([100])
  })

  test('see one another in the order they came', async () => {
    await using opened = await openSqliteInTemporary()
    const { ledger } = opened
    const claim = makeClaim()
    const results = await Promise.all([
      ledger.claim(claim),
      ledger.append(claim.paymentHash, 1, [makeFrame(0)]),
      ledger.claim(again(claim)),
      ledger.capture(makeCapture(claim, { frames: [makeFrame(1)] })),
      ledger.capture(makeCapture(claim, { frames: [makeFrame(2)] })),
    ])
    expect(results).toMatchObject([{ kind: 'claimed' }, true, { kind: 'standing' }, true, false])
  })

  test('with a delivery noted before them see that it was noted', async () => {
    await using opened = await openSqliteInTemporary()
    const { ledger } = opened
    const claim = makeClaim()
    await ledger.claim(claim)
    await ledger.capture(makeCapture(claim))
    const noting = ledger.delivered(claim.paymentHash, now)
    const standing = await ledger.claim(again(claim))
    expect(standing).toMatchObject({ kind: 'standing', record: { job: { firstDeliveredAtMs: now } } })
    await noting
  })

  test.for([
    ['a salt that is too short', { salt: Buffer.alloc(3) }],
    ['a payment hash that is too short', { paymentHash: 'ab' }],
    ['a price of nothing', { priceMsat: 0n }],
    ['a time that is not whole', { nowMs: now + 0.5 }],
  ])('do not fail with one of them that has %s', async ([, bad]) => {
    await using opened = await openWatched()
    const { ledger } = opened
    const good = [makeClaim(), makeClaim(), makeClaim(), makeClaim()]
    const claims = [...good.slice(0, 2), makeClaim(bad as Partial<ReturnType<typeof makeClaim>>), ...good.slice(2)]
    const outcomes = await Promise.allSettled(claims.map((claim) => ledger.claim(claim)))
    expect(opened.groups).toEqual([5])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(outcomes[2]).toMatchObject({ reason: { name: 'LedgerError', code: 'io' } })
    for (const claim of good) {
      expect(await ledger.read(claim.paymentHash)).toMatchObject({ job: { epoch: 1, state: 'running' } })
      expect(await ledger.capture(makeCapture(claim))).toBe(true)
    }
  })

  test('leave nothing half done by the one that fails', async () => {
    await using opened = await openSqliteInTemporary()
    const { ledger } = opened
    const [claim, bystander] = [makeClaim(), makeClaim()]
    await ledger.claim(claim)
    await ledger.append(claim.paymentHash, 1, [makeFrame(0)])
    const outcomes = await Promise.allSettled([
      ledger.claim(bystander),
      // The row is updated before its frames are found to be taken.
      ledger.capture(makeCapture(claim, { frames: [makeFrame(1), makeFrame(0)] })),
    ])
    expect(outcomes).toMatchObject([{ value: { kind: 'claimed' } }, { reason: { name: 'LedgerError' } }])
    expect(await ledger.read(claim.paymentHash)).toMatchObject({ job: { state: 'running', keepUntilMs: undefined } })
    expect((await ledger.frames(claim.paymentHash, 1, 0, 2 ** 20)).map(({ seq }) => seq)).toEqual([0])
    expect(await ledger.capture(makeCapture(claim, { frames: [makeFrame(1)] }))).toBe(true)
  })
})
