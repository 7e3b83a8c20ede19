import { describe, expect, test } from 'vitest'
import { reach, reachCommit, readFailpoint } from '#src/failpoints.ts'

describe('a failpoint', () => {
  test.for([
    ['captured', { point: 'captured', signal: 'SIGKILL', hitsLeft: 1 }],
    ['upstream_data:7', { point: 'upstream_data', signal: 'SIGKILL', hitsLeft: 7 }],
    ['before:capture=stop', { point: 'before:capture', signal: 'SIGSTOP', hitsLeft: 1 }],
    ['after:claim:2=kill', { point: 'after:claim', signal: 'SIGKILL', hitsLeft: 2 }],
  ] as const)('%s is one', ([text, expected]) => {
    expect(readFailpoint(text)).toEqual(expected)
  })

  test.for(['', 'capture', 'captured:0', 'captured:', 'captured=die', 'during:claim', 'before:', 'captured '])(
    '%j is none, and is not taken for one that never comes',
    (text) => {
      expect(() => readFailpoint(text)).toThrow('is no failpoint')
    },
  )

  test('does nothing in a process that was started without one', () => {
    for (let times = 0; times < 3; times++) {
      expect(reach('captured')).toBeUndefined()
      expect(reachCommit('before', [{ name: 'claim' }])).toBeUndefined()
    }
  })
})
