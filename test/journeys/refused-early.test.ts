import { describe, expect, test } from 'vitest'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { attenuate } from '../support/clients-attenuate.ts'
import { openOwing, revoke } from '../support/owing.ts'
import { aRequest } from '../support/shop.ts'

const limited = ['attempts: 1', 'request: { content_type: application/json, max_bytes: 1kB }']
const tooLarge: Sent = { ...aRequest, body: { prompt: 'x'.repeat(2_000) } }
const asText: Sent = { ...aRequest, headers: { 'content-type': 'text/plain' } }
const made = answerWith(200, 'made')

describe('a request that is refused before the ledger is asked', () => {
  const unspent = { status: 'unspent', action: 'resend_original' }

  test('with a token that was not used yet says that the original may be sent', async () => {
    await using setting = await openOwing(made, limited)
    const { gateway, payment } = setting
    for (const [request, status] of [
      [tooLarge, 413],
      [asText, 415],
    ] as const) {
      const answer = await send(gateway, paid(request, payment))
      expect([answer.status, answer.headers['l402-payment'], answer.json().payment]).toEqual([
        status,
        'unspent',
        unspent,
      ])
    }
    expect((await setting.mine()).status).toBe(200)
  })

  test('with a token that is spent does not call it unspent', async () => {
    await using setting = await openOwing(made, [...limited, 'rate_limits: { per_token: 3/m }'])
    const { gateway, payment } = setting
    expect((await setting.mine()).headers['l402-payment']).toBe('spent')
    for (const [request, status] of [
      [tooLarge, 413],
      [asText, 415],
      [aRequest, 429],
    ] as const) {
      const answer = await send(gateway, paid(request, payment))
      expect([answer.status, answer.headers['l402-payment'], answer.json().payment]).toEqual([
        status,
        'spent',
        { status: 'spent', action: 'none' },
      ])
    }
  })

  test('with a token that is owed back names the reference', async () => {
    await using setting = await openOwing(answerWith(500), limited)
    const { gateway, payment } = setting
    const { reference } = (await setting.mine()).json().payment as { reference: string }
    const answer = await send(gateway, paid(tooLarge, payment))
    expect([answer.status, answer.json().payment]).toEqual([
      413,
      { status: 'refundable', action: 'contact_seller', reference },
    ])
  })

  test('with a token that was narrowed to a time that is over tells nothing of its payment', async () => {
    await using setting = await openOwing(answerWith(500), limited)
    const { gateway, payment } = setting
    expect((await setting.mine()).json().payment).toMatchObject({ status: 'refundable' })
    const narrowed = attenuate(payment.token, ['make_valid_until=1'])
    const authorization = `L402 ${narrowed}:${payment.preimage}`
    const answer = await send(gateway, { ...tooLarge, headers: { authorization } })
    expect([answer.status, answer.json().payment.status, answer.json().payment.reference]).toEqual([
      413,
      'unspent',
      undefined,
    ])
  })

  test('without a token speaks of no payment', async () => {
    await using setting = await openOwing(made, limited)
    const { gateway } = setting
    const answer = await send(gateway, tooLarge)
    expect([answer.status, answer.json().payment]).toEqual([413, { status: 'not-charged', action: 'none' }])
  })
})

test('the job of a payment that was revoked after its delivery is not told to be owed', async () => {
  await using setting = await openOwing(made)
  const { gateway } = setting
  const request = { ...aRequest, body: { prompt: 'a bird' } }
  const payment = await payFor(gateway, request)
  const begun = await send(gateway, paid({ ...request, headers: { prefer: 'respond-async' } }, payment))
  const { pathname: path } = new URL(String(begun.headers.location), gateway.url)
  const job: Sent = { path, method: 'GET' }
  await send(gateway, paid({ ...job, path: `${path}/result`, headers: { prefer: 'wait=10' } }, payment))
  await expect
    .poll(async () => (await send(gateway, paid({ ...job, path: `${path}/result` }, payment))).status)
    .toBe(200)
  expect((await revoke(gateway, payment.paymentHash))[0]).toBe(200)
  const looked = await send(gateway, paid(job, payment))
  expect(looked.json().payment).toEqual({ status: 'spent', action: 'none' })
})
