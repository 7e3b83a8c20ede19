import { describe, expect, test } from 'vitest'
import { maxCredentialLength, type PresentedToken, readCredential } from '#src/l402/credential.ts'

const hex = '0123456789abcdef'.repeat(4)
const other = 'fedcba9876543210'.repeat(4)
const token = 'AgEEbHNhdAJCAAA='

const one: readonly PresentedToken[] = [{ token, preimage: hex }]

interface Row {
  readonly what: string
  readonly lines: readonly string[]
}

const presented: readonly (Row & { readonly tokens?: readonly PresentedToken[] })[] = [
  { what: 'L402', lines: [`L402 ${token}:${hex}`] },
  { what: 'LSAT', lines: [`LSAT ${token}:${hex}`] },
  { what: 'l402 in lower case', lines: [`l402 ${token}:${hex}`] },
  { what: 'LsAt in mixed case', lines: [`LsAt ${token}:${hex}`] },
  { what: 'a preimage in upper case', lines: [`L402 ${token}:${hex.toUpperCase()}`] },
  { what: 'a URL-safe token', lines: [`L402 ab-_:${hex}`], tokens: [{ token: 'ab-_', preimage: hex }] },
  { what: 'a token without padding', lines: [`L402 abc:${hex}`], tokens: [{ token: 'abc', preimage: hex }] },
  { what: 'two spaces after the scheme', lines: [`L402  ${token}:${hex}`] },
  { what: 'a tab after the scheme', lines: [`L402\t${token}:${hex}`] },
  { what: 'space around it', lines: [`  L402 ${token}:${hex}  `] },
  {
    what: 'the same in two header lines',
    lines: [`LSAT ${token}:${hex}`, `L402 ${token}:${hex}`],
    tokens: [...one, ...one],
  },
  { what: 'two credentials joined', lines: [`LSAT ${token}:${hex}, L402 ${token}:${hex}`], tokens: [...one, ...one] },
  { what: 'two credentials joined without a space', lines: [`LSAT a:${hex},L402 b:${hex}`], tokens: pair('a', 'b') },
  { what: 'two tokens before one preimage', lines: [`L402 a,b:${hex}`], tokens: pair('a', 'b') },
  { what: 'two tokens with a space after the comma', lines: [`L402 a, b:${hex}`], tokens: pair('a', 'b') },
  {
    what: 'four tokens',
    lines: [`L402 a,b,c,d:${hex}`],
    tokens: ['a', 'b', 'c', 'd'].map((each) => ({ token: each, preimage: hex })),
  },
  {
    what: 'two payments, for the caller to refuse',
    lines: [`L402 a:${hex}`, `L402 b:${other}`],
    tokens: [
      { token: 'a', preimage: hex },
      { token: 'b', preimage: other },
    ],
  },
  { what: 'Basic on another line', lines: ['Basic dXNlcjpwYXNz', `L402 ${token}:${hex}`] },
  { what: 'Bearer on a later line', lines: [`L402 ${token}:${hex}`, 'Bearer abc.def'] },
  { what: 'Basic before it in one line', lines: [`Basic dXNlcjpwYXNz, L402 ${token}:${hex}`] },
  { what: 'Bearer after it in one line', lines: [`L402 ${token}:${hex}, Bearer abc.def`] },
  { what: 'Payment on another line', lines: ['Payment eyJjaGFsbGVuZ2UiOnt9fQ', `L402 ${token}:${hex}`] },
  { what: 'Payment joined before it', lines: [`Payment eyJjaGFsbGVuZ2UiOnt9fQ==, L402 ${token}:${hex}`] },
  { what: 'Payment joined after it', lines: [`L402 ${token}:${hex}, Payment method="lightning", preimage="00"`] },
  { what: 'a Bearer whose value contains L402', lines: [`Bearer xL402x`, `L402 ${token}:${hex}`] },
]

function pair(first: string, second: string): PresentedToken[] {
  return [first, second].map((each) => ({ token: each, preimage: hex }))
}

const malformed: readonly (Row & { readonly reason: string })[] = [
  { what: 'only the scheme', lines: ['L402'], reason: 'expected <token>:<preimage>' },
  { what: 'the scheme and a colon (l402-kit)', lines: ['L402 :'], reason: 'the token is missing before the colon' },
  { what: 'no token', lines: [`L402 :${hex}`], reason: 'the token is missing before the colon' },
  { what: 'no colon', lines: ['L402 x'], reason: 'a token without a preimage' },
  { what: 'no preimage', lines: ['L402 x:'], reason: 'the preimage is not 64 hex digits' },
  { what: 'a preimage of 63 digits', lines: [`L402 x:${hex.slice(1)}`], reason: 'the preimage is not 64 hex digits' },
  { what: 'a preimage of 65 digits', lines: [`L402 x:${hex}0`], reason: 'the preimage is not 64 hex digits' },
  { what: 'a preimage with a g', lines: [`L402 x:${hex.slice(1)}g`], reason: 'the preimage is not 64 hex digits' },
  { what: 'a preimage with 0x', lines: [`L402 x:0x${hex.slice(2)}`], reason: 'the preimage is not 64 hex digits' },
  { what: 'two colons', lines: [`L402 x:y:${hex}`], reason: 'the preimage is not 64 hex digits' },
  { what: 'text after the preimage', lines: [`L402 x:${hex} y`], reason: 'the preimage is not 64 hex digits' },
  { what: 'space before the colon', lines: [`L402 x :${hex}`], reason: 'expected <token>:<preimage>' },
  { what: 'space after the colon', lines: [`L402 x: ${hex}`], reason: 'the preimage is not 64 hex digits' },
  { what: 'a quoted token', lines: [`L402 "x":${hex}`], reason: 'expected <token>:<preimage>' },
  { what: 'parameters instead', lines: [`L402 token="x", preimage="${hex}"`], reason: 'expected <token>:<preimage>' },
  { what: 'a control character', lines: [`L402 x\u0001:${hex}`], reason: 'expected <token>:<preimage>' },
  { what: 'an empty token in a list', lines: [`L402 a,,b:${hex}`], reason: 'expected <token>:<preimage>' },
  {
    what: 'a list without a preimage before another',
    lines: [`L402 a, L402 b:${hex}`],
    reason: 'a token without a preimage',
  },
  {
    what: 'one good line and one bad',
    lines: [`L402 x:${hex}`, 'L402 :'],
    reason: 'the token is missing before the colon',
  },
  { what: 'five tokens', lines: [`L402 a,b,c,d,e:${hex}`], reason: 'more than 4 tokens' },
  {
    what: 'five tokens on five lines',
    lines: Array.from({ length: 5 }, () => `L402 a:${hex}`),
    reason: 'more than 4 tokens',
  },
  {
    what: '9 kB',
    lines: [`L402 ${'A'.repeat(9 * 1024)}:${hex}`],
    reason: `the credential is longer than ${maxCredentialLength} characters`,
  },
  {
    what: '9 kB on three lines',
    lines: Array.from({ length: 3 }, () => `L402 ${'A'.repeat(3 * 1024)}:${hex}`),
    reason: `the credential is longer than ${maxCredentialLength} characters`,
  },
]

const none: readonly Row[] = [
  { what: 'no header', lines: [] },
  { what: 'an empty header', lines: [''] },
  { what: 'Basic', lines: ['Basic dXNlcjpwYXNz'] },
  { what: 'a Bearer whose value contains L402', lines: ['Bearer eyJL402abcLSAT'] },
  { what: 'a Bearer of 9 kB', lines: [`Bearer ${'A'.repeat(9 * 1024)}`] },
  { what: 'a scheme that begins with L402', lines: [`L402x ${token}:${hex}`] },
  { what: 'a scheme that ends with LSAT', lines: [`XLSAT ${token}:${hex}`] },
  { what: 'Payment alone', lines: ['Payment eyJjaGFsbGVuZ2UiOnt9fQ'] },
  { what: 'the bare credential without a scheme', lines: [`${token}:${hex}`] },
]

describe('a credential is read from', () => {
  test.for(presented)('$what', ({ lines, tokens }) => {
    expect(readCredential(lines)).toEqual({ kind: 'presented', tokens: tokens ?? one })
  })

  test('a line of exactly the longest length', () => {
    const text = `L402 ${'A'.repeat(maxCredentialLength - 70)}:${hex}`
    expect(text).toHaveLength(maxCredentialLength)
    expect(readCredential([text]).kind).toBe('presented')
  })
})

describe('a credential is malformed with', () => {
  test.for(malformed)('$what', ({ lines, reason }) => {
    expect(readCredential(lines)).toEqual({ kind: 'malformed', reason })
  })
})

describe('there is no credential in', () => {
  test.for(none)('$what', ({ lines }) => {
    expect(readCredential(lines)).toEqual({ kind: 'none' })
  })
})
