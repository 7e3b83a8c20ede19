import { describe, expect, test } from 'vitest'
import { openLndWallet } from '#src/lightning/lnd/lnd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { InvoiceRequest, Settlement, Wallet } from '#src/ports/wallet.ts'
import { type LndSubject, makeLndSubject } from '../support/wallets/lnd.ts'
import { bakedRights, stockInvoiceRights } from '../support/wallets/lnd-macaroon.ts'

const deadline = (): AbortSignal => AbortSignal.timeout(8_000)
let requests = 0
const aRequest = (): InvoiceRequest => ({
  amountMsat: 1_501n,
  description: 'voice-clone',
  expirySeconds: 600,
  idempotencyKey: `lnd ${++requests}`,
})

const openAt = (subject: LndSubject, changes: Partial<Parameters<typeof openLndWallet>[0]> = {}): Wallet =>
  openLndWallet({ name: 'lnd', ...subject.settings, privateChannels: false, clock: systemClock, ...changes })

async function first(wallet: Wallet, cursor: string | undefined): Promise<Settlement | undefined> {
  for await (const settlement of wallet.settlements?.(cursor, deadline()) ?? []) return settlement
  return undefined
}

describe('the network of an lnd', () => {
  test('is asked for where the macaroon permits it, and nothing is made', async () => {
    await using subject = await makeLndSubject({ rights: [...bakedRights, 'info:read'] })
    await using wallet = openAt(subject)
    await wallet.start(deadline())
    expect(wallet.capabilities.network).toBe('bcrt')
    expect(subject.fake.invoices()).toBe(0)
  })

  test('is read from an invoice of a second where one is expected and cannot be asked for', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject, { network: 'bcrt' })
    await wallet.start(deadline())
    expect([...subject.fake.lnd.invoices.values()]).toMatchObject([{ value_msat: '1', expiry: '1' }])
  })

  test('is unknown where neither is so, and starting takes a lookup alone', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    await wallet.start(deadline())
    expect(wallet.capabilities.network).toBeUndefined()
    expect(subject.fake.lnd.calls).toEqual(['LookupInvoice'])
  })
})

describe('the settlements of lnd', () => {
  test('are all told when an invoice was added after the last one and the link then broke', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    const [a, b] = [
      await wallet.createInvoice(aRequest(), deadline()),
      await wallet.createInvoice(aRequest(), deadline()),
    ]
    const told = first(wallet, undefined)
    await expect.poll(() => subject.fake.lnd.calls).toContain('SubscribeInvoices')
    await wallet.createInvoice(aRequest(), deadline())
    await subject.fake.settle(a.paymentHash)
    const { cursor, paymentHash } = (await told) ?? {}
    expect(paymentHash).toBe(a.paymentHash)
    await wallet.createInvoice(aRequest(), deadline())
    await subject.fake.stop()
    await subject.fake.settle(b.paymentHash)
    await subject.fake.start()
    await expect.poll(() => wallet.lookup(b, deadline()).catch(() => undefined)).toMatchObject({ state: 'settled' })
    expect(await first(wallet, cursor)).toMatchObject({ paymentHash: b.paymentHash, cursor: '2', receivedMsat: 1_501n })
  })

  test('fail within the keepalive when the link is dead and nobody has said so', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject, { keepaliveMs: 300 })
    const told = first(wallet, undefined)
    await expect.poll(() => subject.fake.lnd.calls).toContain('SubscribeInvoices')
    subject.fake.breakWith('half-open')
    const begunMs = performance.now()
    await expect(told).rejects.toMatchObject({ name: 'WalletError', code: 'unavailable' })
    expect(performance.now() - begunMs).toBeLessThan(4_000)
  })

  test('do not resume from what is no index', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    await expect(first(wallet, '-1')).rejects.toMatchObject({ code: 'protocol' })
  })
})

describe('the health of lnd', () => {
  test('needs no right to read the node', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    expect(await wallet.health(deadline())).toMatchObject({ ok: true, warnings: [] })
    expect(subject.fake.lnd.calls).toEqual(['LookupInvoice'])
  })

  test.each([
    [stockInvoiceRights, /can do more than it needs \(address:read, address:write, onchain:read\).*bakemacaroon/],
    [[...bakedRights, 'offchain:write'], /can move money out.*\(offchain:write\).*bakemacaroon/],
  ])('warns of rights beyond those it needs: %j', async (rights, sentence) => {
    await using subject = await makeLndSubject({ rights })
    await using wallet = openAt(subject)
    expect((await wallet.health(deadline())).warnings).toEqual([expect.stringMatching(sentence)])
  })

  test('tells of a node that nobody can pay, where it may look', async () => {
    const rights = [...bakedRights, 'info:read', 'offchain:read']
    await using subject = await makeLndSubject({ rights, channels: 0, inboundMsat: 0n })
    await using wallet = openAt(subject)
    const { warnings } = await wallet.health(deadline())
    expect(warnings).toEqual([
      expect.stringContaining('no active channel'),
      expect.stringContaining('inbound liquidity'),
    ])
  })

  test('tells what a node can receive, where it may look', async () => {
    await using subject = await makeLndSubject({ rights: [...bakedRights, 'offchain:read'], inboundMsat: 42_000_000n })
    await using wallet = openAt(subject)
    expect((await wallet.health(deadline())).detail).toContain('about 42000 sats')
  })
})

describe('what lnd answers', () => {
  test.each([
    [
      2,
      'the RPC server is in the process of starting up, but not yet ready to accept calls',
      'unavailable',
      /still starting/,
    ],
    [2, 'wallet locked, unlock it to enable full RPC access', 'unavailable', /lncli unlock/],
    [2, 'cannot get macaroon: root key with id 0 does not exist', 'unauthorized', /bakemacaroon/],
    [2, 'permission denied', 'unauthorized', /bakemacaroon/],
    [16, 'expected 1 macaroon, got 0', 'unauthorized', /bakemacaroon/],
    [12, 'unknown service lnrpc.Lightning', 'protocol', /not the gRPC of lnd/],
    [8, 'too many', 'rate_limited', /asked too often/],
    [2, 'memo too large: 2000 bytes (maxsize=1024): lnbcrt1secret', 'rejected', /refuses the call \(gRPC code 2\)/],
  ])('code %i, %s, is %s', async (code, details, expected, sentence) => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    subject.fake.lnd.trouble = { code, details }
    const thrown: unknown = await wallet.createInvoice(aRequest(), deadline()).catch((error: unknown) => error)
    expect(thrown).toMatchObject({
      name: 'WalletError',
      code: expected,
      message: expect.stringMatching(sentence) as string,
    })
    expect(String(thrown)).not.toContain('lnbcrt1secret')
  })

  test('an invoice that lnd has cancelled is over, also after lnd has forgotten it', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    const issued = await wallet.createInvoice(aRequest(), deadline())
    subject.fake.lnd.cancel(issued.paymentHash)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'expired' })
    subject.fake.lnd.invoices.delete(issued.paymentHash)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'unknown' })
  })

  test('a call that its caller gives up is gone at once', async () => {
    await using subject = await makeLndSubject()
    await using wallet = openAt(subject)
    await wallet.health(deadline())
    subject.fake.breakWith('hang')
    const begunMs = performance.now()
    await expect(wallet.createInvoice(aRequest(), AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'timeout' })
    expect(performance.now() - begunMs).toBeLessThan(1_000)
    await expect(wallet.createInvoice(aRequest(), AbortSignal.abort())).rejects.toMatchObject({ code: 'timeout' })
  })

  test('two wallets choose other preimages for the same key', async () => {
    await using subject = await makeLndSubject()
    await using one = openAt(subject)
    await using other = openAt(subject)
    const request = aRequest()
    const hashes = [await one.createInvoice(request, deadline()), await other.createInvoice(request, deadline())]
    expect(hashes[0]?.paymentHash).not.toBe(hashes[1]?.paymentHash)
  })

  test('a closed wallet says so', async () => {
    await using subject = await makeLndSubject()
    const wallet = openAt(subject)
    await wallet[Symbol.asyncDispose]()
    await expect(wallet.createInvoice(aRequest(), deadline())).rejects.toMatchObject({ code: 'unavailable' })
    expect(await first(wallet, undefined)).toBeUndefined()
  })
})
