import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '#src/errors.ts'
import { honouredUntilMs, type SituationInput, situationOf } from '#src/gateway/redeem/situation.ts'
import { day, hour, makeRecord, minute, now, second } from './payment-record.ts'
import { type Cell, cells, histories, inputOf, lives, requests, rows, table } from './situation-table.ts'

const makeInput = (overrides: Partial<SituationInput> = {}): SituationInput =>
  inputOf({ row: 'nothing', request: 'same', life: 'minted', history: 'plain' }, overrides)

const job = (cell: Partial<Cell>, overrides: Parameters<typeof makeRecord>[0], input: Partial<SituationInput> = {}) =>
  situationOf(makeInput({ record: makeRecord(overrides), same: cell.request !== 'other', ...input }))

describe('the table of situations', () => {
  test('has every cell once, and no line for none', () => {
    expect(cells).toHaveLength(rows.length * requests.length * lives.length * histories.length)
    for (const [name, , expected] of cells) expect([name, expected.length]).toEqual([name, 1])
    expect(new Set(cells.flatMap(([, , expected]) => expected))).toHaveLength(
      new Set(table.map(({ expected }) => expected)).size,
    )
  })

  test.for(cells)('%s', ([, cell, [expected]]) => {
    expect(situationOf(inputOf(cell))).toMatchObject({ ...expected })
  })
})

describe('the first claim', () => {
  test.for([
    [-1, { kind: 'claim' }],
    [0, { kind: 'challenge', code: 'token_expired' }],
  ] as const)('%i ms from the minted expiry', ([afterMs, expected]) => {
    const nowMs = makeInput().mintedExpiry * second + afterMs
    expect(situationOf(makeInput({ nowMs }))).toEqual(expected)
  })
})

describe('a changed request', () => {
  const rowsOfMismatch = [
    ['after minting', (sinceMs: number) => makeInput({ same: false, mintedAt: (now - sinceMs) / second })],
    [
      'after a failure',
      (sinceMs: number) =>
        makeInput({
          same: false,
          mintedAt: (now - 10 * hour) / second,
          record: makeRecord({ state: 'retryable', finishedAtMs: now - sinceMs }),
        }),
    ],
  ] as const

  test.for(rowsOfMismatch)('%s is a mistake for the length of the window and then a new purchase', ([, make]) => {
    expect(situationOf(make(0))).toEqual({ kind: 'error', code: 'request_mismatch' })
    expect(situationOf(make(20 * minute - second))).toEqual({ kind: 'error', code: 'request_mismatch' })
    expect(situationOf(make(20 * minute))).toEqual({ kind: 'challenge', code: 'token_for_other_request' })
  })
})

describe('a result', () => {
  test('that is kept is not repeated for who asks for a new one', () => {
    expect(job({}, { state: 'captured' }, { wantsNew: true })).toEqual({ kind: 'challenge', code: 'new_purchase' })
  })

  test.for(['running', 'retryable', 'refused'] as const)(
    'that is not there yet (%s) is not bought anew by who asks for a new one',
    (state) => {
      const situation = job({}, { state, retryAtMs: 0 }, { wantsNew: true })
      expect(situation.kind).not.toBe('challenge')
    },
  )

  test.for([
    ['was pruned', { pruned: true }],
    ['is over its keeping and not pruned yet', { keepUntilMs: now }],
  ])('that %s while its token lives has expired, and is not sold again', ([, overrides]) => {
    expect(job({}, { state: 'captured', ...(overrides as object) })).toEqual({ kind: 'error', code: 'result_expired' })
  })
})

describe('a failure', () => {
  test.for([
    ['upstream_unreachable'],
    ['upstream_failed'],
    ['upstream_answer_refused'],
    ['upstream_cut_short'],
    ['result_too_large'],
    ['result_mismatch'],
    ['upstream_busy'],
    ['upstream_timeout'],
  ] as const)('with %s is told again, with the time that is left, until it may be tried again', ([lastCode]) => {
    const retryable = { state: 'retryable', lastCode, retryAtMs: now + 3 * second } as const
    expect(job({}, retryable)).toEqual({ kind: 'error', code: lastCode, retryAfterMs: 3 * second })
    expect(job({}, retryable, { nowMs: now + 3 * second - 1 })).toMatchObject({ retryAfterMs: 1 })
    expect(job({}, retryable, { nowMs: now + 3 * second })).toEqual({ kind: 'claim' })
  })

  test('whose time is further ahead than any wait may be tried again: the clock was set back', () => {
    const retryable = { state: 'retryable', retryAtMs: now + second } as const
    expect(job({}, retryable, { nowMs: now - 59 * second })).toMatchObject({ retryAfterMs: 60 * second })
    expect(job({}, retryable, { nowMs: now - 59 * second - 1 })).toEqual({ kind: 'claim' })
  })

  test.for([[undefined], ['a code of a later version' as ErrorCode], ['token_spent' as const]])(
    'whose code is %s is told as one of the service',
    ([lastCode]) => {
      const retryable = { state: 'retryable', lastCode, retryAtMs: now + second } as const
      expect(job({}, retryable)).toMatchObject({ kind: 'error', code: 'upstream_failed' })
    },
  )
})

describe('what is refundable', () => {
  test.for([
    ['given_up', 'same', {}],
    ['retryable', 'same', { keepUntilMs: now }],
    ['refused', 'same', { keepUntilMs: now, pruned: true }],
    ['refused', 'other', { keepUntilMs: now, pruned: true }],
  ] as const)('names the job that is %s (%s request)', ([state, request, overrides]) => {
    const record = makeRecord({ state, ...overrides }, { mintedExpiry: (now - hour) / second })
    const situation = situationOf(makeInput({ record, same: request === 'same' }))
    expect(situation).toMatchObject({ kind: 'error', reference: record.job.id })
  })

  test('names the job of a revoked token', () => {
    const record = makeRecord({}, { state: 'revoked' })
    const expected = { kind: 'error', code: 'token_revoked', reference: record.job.id }
    expect(situationOf(makeInput({ record }))).toEqual(expected)
  })
})

test('a row is honoured as long as its token or its frames, whichever lasts longer', () => {
  const expiry = (ms: number) => ({ mintedExpiry: (now + ms) / second })
  expect(honouredUntilMs(makeRecord({ keepUntilMs: now + hour }, expiry(day)))).toBe(now + day)
  expect(honouredUntilMs(makeRecord({ keepUntilMs: now + day }, expiry(hour)))).toBe(now + day)
  expect(honouredUntilMs(makeRecord({ keepUntilMs: undefined }, expiry(hour)))).toBe(now + hour)
})
