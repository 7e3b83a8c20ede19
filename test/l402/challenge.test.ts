import { expect, test } from 'vitest'
import { challengeLines } from '#src/l402/challenge.ts'

const token = 'AgEEbHNhdAJCAAA+/w=='
const invoice = 'lnbcrt75u1ptest'

test('the challenge is one line: macaroon, invoice, version, token, in this order and these quotes', () => {
  expect(challengeLines(token, invoice, false)).toEqual([
    'L402 macaroon="AgEEbHNhdAJCAAA+/w==", invoice="lnbcrt75u1ptest", version="0", token="AgEEbHNhdAJCAAA+/w=="',
  ])
})

test('with legacyLsat an LSAT line of macaroon and invoice alone stands before it', () => {
  expect(challengeLines(token, invoice, true)).toEqual([
    'LSAT macaroon="AgEEbHNhdAJCAAA+/w==", invoice="lnbcrt75u1ptest"',
    'L402 macaroon="AgEEbHNhdAJCAAA+/w==", invoice="lnbcrt75u1ptest", version="0", token="AgEEbHNhdAJCAAA+/w=="',
  ])
})
