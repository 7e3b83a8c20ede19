import { describe, expect, test } from 'vitest'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { canHold } from '#src/ports/hold-wallet.ts'
import { failure, soon } from '../support/wallets/contract-steps.ts'
import { type FakeNwcOptions, holdMethods, receiveOnly, refuse } from '../support/wallets/fake-nwc.ts'
import { aHold, aSecret, follow, held, opened, patient } from '../support/wallets/hold-contract-steps.ts'
import { makeNwcHolder } from '../support/wallets/hold-subjects.ts'

async function makeHolder(options: Partial<FakeNwcOptions> = {}, holdPollEveryMs?: number) {
  const subject = await makeNwcHolder(options)
  const { uri } = subject.fake
  const settings = { name: 'nwc', uri, clock: systemClock, unitMsat: 1n } as const
  const wallet = openNwcWallet({ ...settings, ...(holdPollEveryMs !== undefined && { holdPollEveryMs }) })
  await wallet.start(soon())
  return {
    subject,
    fake: subject.fake,
    wallet,
    async [Symbol.asyncDispose]() {
      await wallet[Symbol.asyncDispose]()
      await subject[Symbol.asyncDispose]()
    },
  }
}

const lookups = (asked: readonly string[]) => asked.filter((method) => method === 'lookup_invoice').length

describe('a connection that may hold', () => {
  test.each([...holdMethods, 'lookup_invoice'])('cannot without %s, and says how to mend it', async (method) => {
    const methods = [...receiveOnly, ...holdMethods].filter((each) => each !== method)
    await using setting = await makeHolder({ methods })
    const { wallet, fake } = setting
    expect(canHold(wallet)).toBe(false)
    const thrown = await failure(wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()))
    expect(thrown).toMatchObject({ code: 'unauthorized', message: wallet.cannotHold })
    expect(thrown.message).toMatch(new RegExp(`allow it ${method},`))
    expect(fake.asked).not.toContain('make_hold_invoice')
  })

  test('is woken by a notification and not by its clock', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash, preimage } = await opened(wallet)
    await using following = follow(wallet, paymentHash)
    await expect.poll(() => following.told, patient).toEqual(['open'])
    await subject.pay(paymentHash)
    await expect.poll(() => following.told, { timeout: 15_000, interval: 20 }).toEqual(['open', 'accepted'])
    await wallet.settleHold(paymentHash, preimage, soon())
    await expect.poll(() => following.told, { timeout: 15_000, interval: 20 }).toEqual(['open', 'accepted', 'settled'])
    expect(lookups(fake.asked)).toBe(3)
  })

  test('is asked gently where nothing is notified, however many are followed', async () => {
    await using setting = await makeHolder({ notifications: [] }, 100)
    const { wallet, subject, fake } = setting
    const secrets = await Promise.all(Array.from({ length: 8 }, () => opened(wallet)))
    await using stack = new AsyncDisposableStack()
    const followed = secrets.map(({ paymentHash }) => stack.use(follow(wallet, paymentHash)))
    await expect.poll(() => followed.every(({ told }) => told.length === 1), patient).toBe(true)
    const [first] = secrets
    await subject.pay(first?.paymentHash ?? '')
    await expect.poll(() => followed[0]?.told, patient).toEqual(['open', 'accepted'])
    const before = lookups(fake.asked)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    // Each ten times a second would be 80.
    expect(lookups(fake.asked) - before).toBeLessThanOrEqual(12)
  })

  test('is asked again when the news came while it was being asked', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash } = await opened(wallet)
    fake.instead = (method) => {
      if (method !== 'lookup_invoice') return undefined
      fake.instead = undefined
      void subject.pay(paymentHash)
      return { result: { payment_hash: paymentHash, state: 'pending' } }
    }
    await using following = follow(wallet, paymentHash)
    await expect.poll(() => following.told, { timeout: 15_000, interval: 20 }).toEqual(['open', 'accepted'])
  })

  test('is followed no longer once it is closed', async () => {
    await using setting = await makeHolder()
    const { wallet } = setting
    const { paymentHash } = await opened(wallet)
    const states = wallet.holdStates(paymentHash, soon())[Symbol.asyncIterator]()
    expect(await states.next()).toMatchObject({ value: 'open' })
    const next = states.next()
    const begunMs = performance.now()
    await wallet[Symbol.asyncDispose]()
    expect(await next).toEqual({ value: undefined, done: true })
    expect(performance.now() - begunMs).toBeLessThan(1_000)
  })

  test('is not asked a second time by who limits how often', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash, preimage } = await held(subject, wallet)
    fake.instead = () => refuse('RATE_LIMITED')
    const before = fake.asked.length
    for (const call of [
      () => wallet.settleHold(paymentHash, preimage, soon()),
      () => wallet.cancelHold(paymentHash, soon()),
      () => wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()),
    ])
      expect((await failure(call())).code).toBe('rate_limited')
    expect(fake.asked.slice(before)).toEqual(['settle_hold_invoice', 'cancel_hold_invoice', 'make_hold_invoice'])
  })

  test('believes no notification: what it says is looked up', async () => {
    await using setting = await makeHolder()
    const { wallet, subject } = setting
    const { paymentHash } = await opened(wallet)
    await using following = follow(wallet, paymentHash)
    await expect.poll(() => following.told, patient).toEqual(['open'])
    subject.repeat(paymentHash, 'accepted')
    await expect.poll(() => lookups(subject.fake.asked), patient).toBe(2)
    expect(following.told).toEqual(['open'])
  })

  test('gets its first invoice again from a wallet that would make a second one', async () => {
    await using setting = await makeHolder({ holds: { forgetful: true } })
    const { wallet, subject } = setting
    const { paymentHash } = aSecret()
    const first = await wallet.createHoldInvoice(aHold(paymentHash), soon())
    expect((await wallet.createHoldInvoice(aHold(paymentHash), soon())).bolt11).toBe(first.bolt11)
    expect(subject.invoices(paymentHash)).toBe(1)
  })

  test('refuses a wallet that would hold for fewer blocks than it is asked to', async () => {
    await using setting = await makeHolder({ holds: { ignoresBlocks: true } })
    const thrown = await failure(setting.wallet.createHoldInvoice(aHold(aSecret().paymentHash), soon()))
    expect(thrown).toMatchObject({ code: 'protocol', message: expect.stringContaining('24 blocks') })
  })

  test('can close an invoice that nobody has paid where the wallet can', async () => {
    await using setting = await makeHolder({ holds: { lenient: true } })
    const { wallet } = setting
    const { paymentHash } = await opened(wallet)
    for (let call = 0; call < 2; call++) await wallet.cancelHold(paymentHash, soon())
    expect(await wallet.lookupHold(paymentHash, soon())).toBe('cancelled')
  })

  test('says that an open invoice stays open where the wallet cannot close it', async () => {
    await using setting = await makeHolder()
    const { wallet, subject } = setting
    const { paymentHash } = await opened(wallet)
    expect(await failure(wallet.cancelHold(paymentHash, soon()))).toMatchObject({ code: 'rejected' })
    expect(await wallet.lookupHold(paymentHash, soon())).toBe('open')
    subject.expire(paymentHash)
    await wallet.cancelHold(paymentHash, soon())
    expect(await wallet.lookupHold(paymentHash, soon())).toBe('cancelled')
  })

  test('takes an invoice that is pending for open until a minute after it expired, and a held one for ever', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash } = await opened(wallet)
    const answer = (state: string | undefined, agoSeconds: number) => {
      const expires_at = Math.floor(Date.now() / 1000) - agoSeconds
      fake.instead = (method) =>
        method === 'lookup_invoice'
          ? { result: { payment_hash: paymentHash, ...(state !== undefined && { state }), expires_at } }
          : undefined
      return wallet.lookupHold(paymentHash, soon())
    }
    expect(await answer('pending', 50)).toBe('open')
    expect(await answer('pending', 70)).toBe('cancelled')
    expect(await answer(undefined, 50)).toBe('open')
    expect(await answer('accepted', 70)).toBe('accepted')
    expect(await answer('ACCEPTED', 70)).toBe('accepted')
    expect(await answer('settled', 70)).toBe('settled')
    expect(subject.stateOf(paymentHash)).toBe('open')
  })

  test('decides nothing when the wallet fails at settling or cancelling what is locked in', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash, preimage } = await held(subject, wallet)
    fake.instead = (method) => (method.endsWith('_hold_invoice') ? refuse('INTERNAL') : undefined)
    expect((await failure(wallet.settleHold(paymentHash, preimage, soon()))).code).toBe('unavailable')
    expect((await failure(wallet.cancelHold(paymentHash, soon()))).code).toBe('unavailable')
    expect(subject.stateOf(paymentHash)).toBe('accepted')
  })

  test('takes no lookup of another invoice for an answer', async () => {
    await using setting = await makeHolder()
    const { wallet, subject, fake } = setting
    const { paymentHash, preimage } = await opened(wallet)
    fake.instead = (method) =>
      method === 'lookup_invoice' ? { result: { payment_hash: 'ab'.repeat(32), state: 'settled' } } : undefined
    expect((await failure(wallet.lookupHold(paymentHash, soon()))).code).toBe('protocol')
    expect((await failure(wallet.settleHold(paymentHash, preimage, soon()))).code).toBe('protocol')
    expect(subject.stateOf(paymentHash)).toBe('open')
  })
})
