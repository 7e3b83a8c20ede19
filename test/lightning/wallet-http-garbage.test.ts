import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openBtcpayWallet } from '#src/lightning/btcpay/btcpay-wallet.ts'
import { openClnWallet } from '#src/lightning/cln/cln-wallet.ts'
import { openLnbitsWallet } from '#src/lightning/lnbits/lnbits-wallet.ts'
import { openPhoenixdWallet } from '#src/lightning/phoenixd/phoenixd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { type Wallet, WalletError } from '#src/ports/wallet.ts'
import { FakeHttp } from '../support/wallets/fake-http.ts'
import { makeRequest } from './dev-setting.ts'

const secret = 'e1'.repeat(32)
const asked = '11'.repeat(32)
const soon = () => AbortSignal.timeout(5_000)

const wallets: Readonly<Record<string, (url: string) => Wallet>> = {
  phoenixd: (url) => openPhoenixdWallet({ name: 'main', url, password: secret, clock: systemClock }),
  cln: (url) => openClnWallet({ name: 'main', url, rune: secret, clock: systemClock }),
  lnbits: (url) => openLnbitsWallet({ name: 'main', url, key: secret, clock: systemClock }),
  btcpay: (url) =>
    openBtcpayWallet({ name: 'main', url, store: 'store', token: secret, crypto: 'BTC', clock: systemClock }),
}

const other = '22'.repeat(32)
const paidMsat = { amount_msat: 1000, amount_received_msat: 1000, paid_at: 1, pay_index: 1 }

/** What each API says when all is well: of an invoice that cannot be read, and of payments that nobody asked about. */
const replies: readonly Readonly<Record<string, unknown>>[] = [
  { amountSat: 21, paymentHash: other, serialized: `lnbcrt1${secret}` },
  { paymentHash: other, isPaid: true, isExpired: false, requestedSat: 21, receivedSat: 21, invoice: 'lnbcrt1' },
  { chain: 'liquid', channels: [], version: 'any' },
  { bolt11: `lnbcrt1${secret}`, payment_hash: other, expires_at: 1 },
  { invoices: [{ label: 'any', payment_hash: other, status: 'paid', ...paidMsat }] },
  { code: 900, message: `Duplicate label ${secret}` },
  { payment_hash: other, bolt11: `lnbcrt1${secret}`, amount: 21_000 },
  { paid: true, preimage: secret, details: { payment_hash: other, amount: 21_000 } },
  { id: 'any', status: 'Paid', BOLT11: `lnbcrt1${secret}`, amount: '21000', paymentHash: other },
  { permissions: [] },
]
const nearly = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>('paid', true, null, -1, 0.5, 2 ** 60, '1', '', secret, [{}]),
)
const bent = fc.tuple(fc.constantFrom(...replies), fc.nat({ max: 20 }), nearly).map(([reply, at, value]): unknown => {
  const field = Object.keys(reply)[at]
  return field === undefined ? reply : { ...reply, [field]: value }
})
const body = fc.oneof({ weight: 4, arbitrary: bent }, { weight: 1, arbitrary: fc.jsonValue() }, fc.string())
const status = fc.constantFrom(200, 200, 201, 201, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 520)

test.each(Object.keys(wallets))('whatever %s answers, nothing comes of it but a plain error', async (kind) => {
  let answer: { status: number; body: unknown } = { status: 200, body: '' }
  await using server = await new FakeHttp({ handle: () => answer }).start()
  await using wallet = wallets[kind]?.(server.url)
  if (!wallet) return expect.fail(kind)
  await fc.assert(
    fc.asyncProperty(status, body, async (code, content) => {
      answer = { status: code, body: code === 204 ? '' : content }
      const calls = [
        wallet.createInvoice(makeRequest({ amountMsat: 21_000n }), soon()),
        wallet.lookup({ paymentHash: asked, ref: asked }, soon()),
        wallet.start(soon()),
      ]
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === 'fulfilled') {
          // That nothing is known is an answer; a payment, or an invoice to sell, is none.
          if (outcome.value !== undefined) expect(outcome.value).toEqual({ state: 'unknown' })
          continue
        }
        const thrown: unknown = outcome.reason
        if (!(thrown instanceof WalletError)) return expect.fail(String(thrown))
        expect(thrown.message.toLowerCase()).not.toContain(secret)
        expect(thrown.message).toMatch(/^[^\n]{20,300}\.$/)
      }
      const health = await wallet.health(soon())
      expect(JSON.stringify(health).toLowerCase()).not.toContain(secret)
    }),
    { numRuns: 200 },
  )
})
