import { afterAll, describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { startDemoServices } from '#src/demo/services.ts'
import type { Wallet } from '#src/ports/wallet.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { walletsUnderTest } from '../support/wallets/all.ts'
import { table } from '../support/wallets/contract.ts'
import type { Lie, WalletSubject } from '../support/wallets/subject.ts'

/** The same purchase over every wallet, and what a buyer sees of a wallet that is wrong. Prints wallet × case. */

const request = {
  path: '/text',
  body: { modelId: 1, input: [{ role: 'user', content: 'A poem about the sea, and about a cat.' }] },
}

const sells = (upstream: string) => `
services:
  POST /text:
    upstream: ${upstream}/generate-text
    price: { per_char: { of: "input.*.content", rate: 0.31 }, round_to: 1 msat }
`

interface Journey extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly subject: WalletSubject
  readonly wallet: Wallet
}

async function begin(make: () => Promise<WalletSubject>): Promise<Journey> {
  const subject = await make()
  const demo = await startDemoServices({ listen: '127.0.0.1:0', voiceDelayMs: 0 })
  const wallet = await subject.open()
  const gateway = await openGateway({
    config: sells(`http://${demo.address}`),
    wallets: [wallet],
    logLevel: 'trace',
  })
  return {
    gateway,
    subject,
    wallet,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await demo[Symbol.asyncDispose]()
      await subject[Symbol.asyncDispose]()
    },
  }
}

/** Pays as the Lightning network would. */
const payer = ({ subject }: Journey) => ({
  pay: (bolt11: string) => subject.fake.settle(decodeInvoice(bolt11, { signature: 'verify' }).paymentHash),
})

const lies: readonly Lie[] = ['amount', 'hash', 'expiry', 'network']

const cases: readonly { readonly name: string; readonly run: (journey: Journey) => Promise<void> }[] = [
  {
    name: 'sells once, delivers once, and repeats from the store',
    async run(journey) {
      const { gateway, wallet, subject } = journey
      const exactMsat = BigInt(request.body.input[0]?.content.length ?? 0) * 310n
      const { unitMsat } = wallet.capabilities
      const payment = await payFor(gateway, request, payer(journey))
      expect(BigInt(payment.amountMsat)).toBe(((exactMsat + unitMsat - 1n) / unitMsat) * unitMsat)
      const first = await send(gateway, paid(request, payment))
      expect([first.status, first.headers['l402-payment']]).toEqual([200, 'spent'])
      expect(first.text).toMatch(/sea/i)
      const again = await send(gateway, paid(request, payment))
      expect([again.status, again.headers['l402-payment']]).toEqual([200, 'replayed'])
      expect(again.bytes).toEqual(first.bytes)
      const log = gateway.log.join('')
      for (const secret of [...subject.fake.secrets(), payment.preimage, payment.token]) {
        expect(log.includes(secret)).toBe(false)
      }
    },
  },
  {
    name: 'honours what was paid while the wallet is away, where the preimage is proof',
    async run(journey) {
      const { gateway, wallet, subject } = journey
      const payment = await payFor(gateway, request, payer(journey))
      await subject.fake.stop()
      const away = await send(gateway, paid(request, payment))
      if (wallet.capabilities.preimagePrivate) expect(away.status).toBe(200)
      else expect([away.status, away.json().code]).toEqual([503, 'settlement_pending'])
      const other = await send(gateway, request)
      expect([other.status, other.json().code, other.headers['l402-payment']]).toEqual([
        503,
        'wallet_unavailable',
        'not-charged',
      ])
      expect(Number(other.headers['retry-after'])).toBeGreaterThanOrEqual(1)
      await subject.fake.start()
      await expect.poll(async () => (await send(gateway, paid(request, payment))).status, eventually).toBe(200)
    },
  },
  ...lies.map((lie) => ({
    name: `shows no buyer an invoice with a wrong ${lie}`,
    run: (journey: Journey) => isRefused(journey, lie),
  })),
]

async function isRefused({ gateway, subject }: Journey, lie: Lie): Promise<void> {
  subject.fake.lie(lie)
  const answer = await send(gateway, request)
  expect([answer.status, answer.json().code]).toEqual([503, 'wallet_unavailable'])
  expect(`${answer.text}${JSON.stringify(answer.headers)}`).not.toMatch(/lnbc|macaroon/i)
  subject.fake.lie(undefined)
  await expect.poll(async () => (await send(gateway, request)).status, eventually).toBe(402)
}

/** What cannot happen with a wallet, and why. */
const lacks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  lightning_address: {
    'shows no buyer an invoice with a wrong hash':
      'Only the invoice names a hash; there is nothing it could differ from.',
  },
}

const eventually = { timeout: 12_000, interval: 250 }
const marks = new Map<string, '✓' | '✗' | '–'>()

describe.each(walletsUnderTest)('$kind', ({ kind, make }) => {
  const has = cases.filter(({ name }) => lacks[kind]?.[name] === undefined)
  for (const name of Object.keys(lacks[kind] ?? {})) marks.set(`${kind} ${name}`, '–')
  test.each(has)('$name', { timeout: 30_000 }, async ({ name, run }) => {
    marks.set(`${kind} ${name}`, '✗')
    await using journey = await begin(make)
    await run(journey)
    marks.set(`${kind} ${name}`, '✓')
  })
})

afterAll(() => {
  const columns = walletsUnderTest.map(({ kind }) => ({ kind, lacks: lacks[kind] ?? {} }))
  process.stdout.write(
    `\n${table(
      columns,
      cases.map(({ name }) => name),
      marks,
    )}\n`,
  )
})
