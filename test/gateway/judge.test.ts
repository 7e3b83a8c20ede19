import { describe, expect, test } from 'vitest'
import { type JudgedAnswer, judge } from '#src/gateway/redeem/judge.ts'
import type { UpstreamEnd, UpstreamFault, UpstreamHead } from '#src/ports/upstream.ts'

/** DESIGN §4, step 8, row by row. */

const makeHead = (overrides: Partial<UpstreamHead> = {}): UpstreamHead => ({
  status: 200,
  headers: [],
  framing: 'length',
  ...overrides,
})

const complete: UpstreamEnd = { kind: 'complete', trailers: [] }

const makeAnswer = (head: Partial<UpstreamHead> = {}, overrides: Partial<JudgedAnswer> = {}): JudgedAnswer => ({
  head: makeHead(head),
  end: complete,
  tooLarge: false,
  matchesSchema: () => true,
  allowUnframed: false,
  ...overrides,
})

const fault = (name: UpstreamFault, { sent = true, begun = false } = {}): UpstreamEnd => ({
  kind: 'fault',
  fault: name,
  sent,
  begun,
  cause: undefined,
})

const failed = (code: string, counted: boolean, nextGeneration: boolean) => ({
  kind: 'failed',
  code,
  counted,
  nextGeneration,
})

describe('a complete answer', () => {
  test.for([200, 201, 203, 204, 207, 226, 299])('with %i is a result', (status) => {
    expect(judge(makeAnswer({ status }))).toEqual({ kind: 'captured' })
  })

  test.for(['length', 'chunked', 'none'] as const)('framed by %s is a result', (framing) => {
    expect(judge(makeAnswer({ framing }))).toEqual({ kind: 'captured' })
  })

  test.for([400, 403, 404, 405, 406, 410, 411, 413, 415, 416, 418, 422, 423, 424, 426, 428, 431, 451, 499])(
    'with %i is a refusal',
    (status) => {
      expect(judge(makeAnswer({ status }))).toEqual({ kind: 'refused' })
    },
  )

  test.for([
    [202, 'upstream_answer_refused'],
    [206, 'upstream_answer_refused'],
    [300, 'upstream_answer_refused'],
    [301, 'upstream_answer_refused'],
    [302, 'upstream_answer_refused'],
    [303, 'upstream_answer_refused'],
    [304, 'upstream_answer_refused'],
    [307, 'upstream_answer_refused'],
    [308, 'upstream_answer_refused'],
    [401, 'upstream_answer_refused'],
    [402, 'upstream_answer_refused'],
    [407, 'upstream_answer_refused'],
    [500, 'upstream_failed'],
    [501, 'upstream_failed'],
    [505, 'upstream_failed'],
    [507, 'upstream_failed'],
    [511, 'upstream_failed'],
    [599, 'upstream_failed'],
    [600, 'upstream_failed'],
  ] as const)('with %i failed and counts', ([status, code]) => {
    expect(judge(makeAnswer({ status }))).toEqual(failed(code, true, true))
  })

  test.for([
    [408, 'upstream_busy'],
    [409, 'upstream_failed'],
    [425, 'upstream_busy'],
    [429, 'upstream_busy'],
    [502, 'upstream_failed'],
    [503, 'upstream_busy'],
    [504, 'upstream_timeout'],
  ] as const)('with %i failed and does not count', ([status, code]) => {
    expect(judge(makeAnswer({ status }))).toEqual(failed(code, false, true))
  })

  test('that is not what the service promises failed and counts', () => {
    const answer = makeAnswer({}, { matchesSchema: () => false })
    expect(judge(answer)).toEqual(failed('result_mismatch', true, true))
  })

  test('is held against the promised schema only where it could be a result', () => {
    const matchesSchema = (): boolean => {
      throw new Error('it was asked')
    }
    for (const status of [202, 206, 302, 401, 422, 500, 503]) {
      expect(judge(makeAnswer({ status }, { matchesSchema })).kind).not.toBe('captured')
    }
  })
})

describe('an answer whose end is only the end of the connection', () => {
  test('is cut short for all that anyone can tell', () => {
    expect(judge(makeAnswer({ framing: 'close' }))).toEqual(failed('upstream_cut_short', true, false))
  })

  test('is a result where the operator says that it may be', () => {
    expect(judge(makeAnswer({ framing: 'close' }, { allowUnframed: true }))).toEqual({ kind: 'captured' })
  })

  test.for([
    [false, failed('upstream_cut_short', true, false)],
    [true, { kind: 'refused' }],
  ] as const)('is not passed on as a refusal unless that is allowed (%s)', ([allowUnframed, expected]) => {
    expect(judge(makeAnswer({ status: 422, framing: 'close' }, { allowUnframed }))).toEqual(expected)
  })

  // Whether it was whole does not matter: nothing of it is passed on.
  test.for([
    [503, 'upstream_busy', false],
    [502, 'upstream_failed', false],
    [504, 'upstream_timeout', false],
    [429, 'upstream_busy', false],
    [500, 'upstream_failed', true],
    [302, 'upstream_answer_refused', true],
  ] as const)('failed by its status alone where that says so already: %i', ([status, code, counted]) => {
    expect(judge(makeAnswer({ status, framing: 'close' }))).toMatchObject({ kind: 'failed', code, counted })
  })
})

describe('no answer', () => {
  test.for(['refused', 'dns', 'tls', 'connect_timeout'] as const)(
    'since the connection failed (%s) does not count',
    (name) => {
      const end = fault(name, { sent: false })
      expect(judge(makeAnswer({}, { head: undefined, end }))).toEqual(failed('upstream_unreachable', false, false))
    },
  )

  test('since the connection was reset before it began does not count and repeats the same call', () => {
    const answer = makeAnswer({}, { head: undefined, end: fault('reset') })
    expect(judge(answer)).toEqual(failed('upstream_unreachable', false, false))
  })

  test.for(['first_byte_timeout', 'total_timeout'] as const)('in time (%s) counts once the call was sent', (name) => {
    const sent = makeAnswer({}, { head: undefined, end: fault(name) })
    expect(judge(sent)).toEqual(failed('upstream_timeout', true, false))
    const unsent = makeAnswer({}, { head: undefined, end: fault(name, { sent: false }) })
    expect(judge(unsent)).toEqual(failed('upstream_timeout', false, false))
  })

  test('that could be read counts, since one was given', () => {
    const answer = makeAnswer({}, { head: undefined, end: fault('protocol') })
    expect(judge(answer)).toEqual(failed('upstream_cut_short', true, false))
  })

  test('since we stopped the call ourselves does not count', () => {
    const answer = makeAnswer({}, { head: undefined, end: fault('aborted') })
    expect(judge(answer)).toMatchObject({ kind: 'failed', counted: false, nextGeneration: false })
  })
})

describe('an answer that began', () => {
  test.for([
    ['reset', 'upstream_cut_short'],
    ['protocol', 'upstream_cut_short'],
    ['idle_timeout', 'upstream_timeout'],
    ['total_timeout', 'upstream_timeout'],
  ] as const)('and ended in %s counts, whatever its status promised', ([name, code]) => {
    for (const status of [200, 422]) {
      expect(judge(makeAnswer({ status }, { end: fault(name, { begun: true }) }))).toEqual(failed(code, true, false))
    }
  })

  test('and grew too large counts, although we stopped it', () => {
    const answer = makeAnswer({}, { tooLarge: true, end: fault('aborted', { begun: true }) })
    expect(judge(answer)).toEqual(failed('result_too_large', true, false))
  })
})

describe('how long to wait', () => {
  test.for([
    ['0', 0],
    ['7', 7_000],
    ['60', 60_000],
    ['61', 60_000],
    ['3600', 60_000],
  ] as const)('after Retry-After: %s is %i ms', ([value, retryAfterMs]) => {
    for (const status of [503, 429]) {
      expect(judge(makeAnswer({ status, headers: ['Retry-After', value] }))).toMatchObject({ retryAfterMs })
    }
  })

  test.for(['-1', '1.5', 'soon', 'Wed, 21 Oct 2027 07:28:00 GMT'])('is ours to say after Retry-After: %s', (value) => {
    expect(judge(makeAnswer({ status: 503, headers: ['retry-after', value] }))).toEqual(
      failed('upstream_busy', false, true),
    )
  })
})
