import { expect, test } from 'vitest'
import { callHealth } from '#src/gateway/redeem/call-health.ts'
import { judge } from '#src/gateway/redeem/judge.ts'
import type { UpstreamFault, UpstreamHead } from '#src/ports/upstream.ts'

const headOf = (status: number): UpstreamHead => ({ status, headers: [], framing: 'length' })
const usual = { tooLarge: false, matchesSchema: () => true, allowUnframed: false }

test.for([
  [200, 'working'],
  [400, 'working'],
  [403, 'working'],
  [404, 'working'],
  [422, 'working'],
  [408, 'unknown'],
  [409, 'unknown'],
  [425, 'unknown'],
  [429, 'unknown'],
  [202, 'failing'],
  [206, 'failing'],
  [302, 'failing'],
  [401, 'failing'],
  [402, 'failing'],
  [407, 'failing'],
  [500, 'failing'],
  [502, 'failing'],
  [503, 'failing'],
  [504, 'failing'],
] as const)('an answer %i is of an upstream that is %s', ([status, health]) => {
  const end = { kind: 'complete', trailers: [] } as const
  const judgement = judge({ ...usual, head: headOf(status), end })
  expect(callHealth(judgement, end, status)).toBe(health)
})

test.for([
  ['refused', 'unreachable'],
  ['dns', 'unreachable'],
  ['tls', 'unreachable'],
  ['connect_timeout', 'unreachable'],
  ['reset', 'failing'],
  ['first_byte_timeout', 'failing'],
  ['total_timeout', 'failing'],
  ['protocol', 'failing'],
  ['aborted', 'unknown'],
] as const satisfies readonly (readonly [UpstreamFault, string])[])(
  '%s without an answer means %s',
  ([fault, health]) => {
    const end = { kind: 'fault', fault, sent: true, begun: false, cause: undefined } as const
    expect(callHealth(judge({ ...usual, head: undefined, end }), end, undefined)).toBe(health)
  },
)

test('a result that is none is a failure, one over our limit is not', () => {
  const end = { kind: 'complete', trailers: [] } as const
  const head = headOf(200)
  expect(callHealth(judge({ ...usual, head, end, matchesSchema: () => false }), end, 200)).toBe('failing')
  expect(callHealth(judge({ ...usual, head, end, tooLarge: true }), end, 200)).toBe('unknown')
})
