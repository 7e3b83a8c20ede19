import { describe, expect, test } from 'vitest'
import { devWalletOptions } from '#src/lightning/dev/options.ts'

describe('the settings of the development wallet', () => {
  test('may be empty', () => {
    expect(devWalletOptions.parse({})).toEqual({})
  })

  test('refuse a key that is not one', () => {
    expect(devWalletOptions.safeParse({ seed: '00' }).success).toBe(false)
  })
})
