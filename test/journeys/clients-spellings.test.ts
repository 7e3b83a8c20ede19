import { describe, expect, test } from 'vitest'
import { payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate, strip } from '../support/clients-attenuate.ts'
import { sharedShop } from '../support/clients-shop.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const request: Sent = { path: '/make', body: { prompt: 'a cat' } }

const shop = sharedShop(sells)

type Spelling = readonly [what: string, write: (token: string, preimage: string) => string | string[]]

const unpadded = (token: string) => token.replaceAll('=', '')
const urlSafe = (token: string) => token.replaceAll('+', '-').replaceAll('/', '_')

const accepted: readonly Spelling[] = [
  ['L402', (token, preimage) => `L402 ${token}:${preimage}`],
  ['LSAT', (token, preimage) => `LSAT ${token}:${preimage}`],
  ['l402', (token, preimage) => `l402 ${token}:${preimage}`],
  ['LsAt', (token, preimage) => `LsAt ${token}:${preimage}`],
  ['an upper-case preimage', (token, preimage) => `L402 ${token}:${preimage.toUpperCase()}`],
  ['a URL-safe token', (token, preimage) => `L402 ${urlSafe(token)}:${preimage}`],
  ['an unpadded token', (token, preimage) => `L402 ${unpadded(token)}:${preimage}`],
  ['a URL-safe unpadded token', (token, preimage) => `L402 ${urlSafe(unpadded(token))}:${preimage}`],
  ['two header lines (Aperture)', (token, preimage) => [`LSAT ${token}:${preimage}`, `L402 ${token}:${preimage}`]],
  ['two credentials joined', (token, preimage) => `LSAT ${token}:${preimage}, L402 ${token}:${preimage}`],
  ['two tokens of one payment', (token, preimage) => `L402 ${token},${attenuate(token, ['a=b'])}:${preimage}`],
  ['two spaces', (token, preimage) => `L402  ${token}:${preimage}`],
  ['a tab', (token, preimage) => `L402\t${token}:${preimage}`],
  ['Basic on another line', (token, preimage) => ['Basic dXNlcjpwYXNz', `L402 ${token}:${preimage}`]],
  ['Bearer in the same line', (token, preimage) => `Bearer abc.def, L402 ${token}:${preimage}`],
  ['a Bearer that contains L402', (token, preimage) => ['Bearer xL402y', `L402 ${token}:${preimage}`]],
  ['Payment beside it', (token, preimage) => `Payment eyJhIjoxfQ==, L402 ${token}:${preimage}`],
]

const refused: readonly (readonly [...Spelling, code: string])[] = [
  ['a colon alone (l402-kit)', () => 'L402 :', 'malformed_credential'],
  ['a word', () => 'L402 x', 'malformed_credential'],
  ['a word and a colon', () => 'L402 x:', 'malformed_credential'],
  ['63 digits', (token, preimage) => `L402 ${token}:${preimage.slice(1)}`, 'malformed_credential'],
  ['65 digits', (token, preimage) => `L402 ${token}:${preimage}0`, 'malformed_credential'],
  ['9 kB', (_token, preimage) => `L402 ${'A'.repeat(9 * 1024)}:${preimage}`, 'malformed_credential'],
  ['a token that is not base64', (token, preimage) => `L402 ${token.slice(1)}:${preimage}`, 'malformed_credential'],
  ['a scheme stuck to the token', (token, preimage) => `L402${token}:${preimage}`, 'payment_required'],
  ['Bearer instead', (token, preimage) => `Bearer ${token}:${preimage}`, 'payment_required'],
  ['another preimage', (token) => `L402 ${token}:${'0'.repeat(64)}`, 'wrong_preimage'],
  [
    'a second token that does not hold',
    (token, preimage) => `L402 ${token},${attenuate(token, ['method=GET'])}:${preimage}`,
    'token_refused',
  ],
  [
    'a second token that was changed',
    (token, preimage) => `L402 ${token},${strip(token)}:${preimage}`,
    'unknown_token',
  ],
  ['a first token that was changed', (token, preimage) => `L402 ${strip(token)},${token}:${preimage}`, 'unknown_token'],
]

describe('a payment is taken when its credential is written with', () => {
  test.for(accepted)('%s', async ([, write]) => {
    const { upstream, gateway } = shop
    const { token, preimage } = await payFor(gateway, request)
    const callsBefore = upstream.calls.length
    const answer = await send(gateway, { ...request, headers: { authorization: write(token, preimage) } })
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(upstream.calls).toHaveLength(callsBefore + 1)
    expect(upstream.calls.at(-1)?.headers).not.toHaveProperty('authorization')
    expect(upstream.calls.at(-1)?.rawHeaders.join('\n')).not.toContain(token.slice(0, 200))
  })
})

describe('a fresh challenge is the answer to a credential written with', () => {
  test.for(refused)('%s', async ([, write, code]) => {
    const { upstream, gateway } = shop
    const { token, preimage } = await payFor(gateway, request)
    const callsBefore = upstream.calls.length
    const answer = await send(gateway, { ...request, headers: { authorization: write(token, preimage) } })
    expect(answer.status).toBe(402)
    expect(answer.json()).toMatchObject({ status: 402, code, payment: { status: 'required', action: 'pay' } })
    expect(answer.json().token).not.toBe(token)
    expect(answer.headers['www-authenticate']).toContain(answer.json().invoice)
    expect(upstream.calls).toHaveLength(callsBefore)
    const authorization = `L402 ${answer.json().token}:${await gateway.wallet.pay(answer.json().invoice)}`
    expect((await send(gateway, { ...request, headers: { authorization } })).status).toBe(200)
  })
})

test('two different payments in one request are refused, and neither is spent', async () => {
  const { upstream, gateway } = shop
  const [one, two] = [await payFor(gateway, request), await payFor(gateway, request)]
  const callsBefore = upstream.calls.length
  const lines = [one, two].map(({ authorization: { authorization } }) => authorization)
  for (const authorization of [lines, lines.join(', ')]) {
    const answer = await send(gateway, { ...request, headers: { authorization } })
    expect([answer.status, answer.json().code]).toEqual([400, 'conflicting_credentials'])
    expect(answer.headers['www-authenticate']).toBeUndefined()
  }
  expect(upstream.calls).toHaveLength(callsBefore)
  for (const authorization of lines)
    expect((await send(gateway, { ...request, headers: { authorization } })).headers['l402-payment']).toBe('spent')
})
