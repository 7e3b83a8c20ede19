import { NWCWalletService, NWCWalletServiceKeyPair } from '@getalby/sdk/nwc'
import { generateSecretKey, getPublicKey } from 'nostr-tools'
import { expect, test } from 'vitest'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeNode } from '../support/wallets/fake-node.ts'
import { NostrRelay } from '../support/wallets/nostr-relay.ts'
import { deadline, makeRequest } from './dev-setting.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('the wallet service of @getalby/sdk sells and looks up', async () => {
  await using relay = await new NostrRelay().start()
  const node = new FakeNode()
  const [walletSecret, clientSecret] = [hex(generateSecretKey()), generateSecretKey()]
  const keys = new NWCWalletServiceKeyPair(walletSecret, getPublicKey(clientSecret))
  const service = new NWCWalletService({ relayUrls: [relay.url] })
  await service.publishWalletServiceInfoEvent(walletSecret, ['get_info', 'make_invoice', 'lookup_invoice'], [])
  const transaction = (paymentHash: string) => {
    const invoice = node.invoices.get(paymentHash)
    if (!invoice) return undefined
    const settledAt = invoice.settledAtMs === undefined ? undefined : Math.floor(invoice.settledAtMs / 1000)
    return {
      type: 'incoming' as const,
      state: settledAt === undefined ? ('pending' as const) : ('settled' as const),
      invoice: invoice.bolt11,
      payment_hash: paymentHash,
      amount: Number(invoice.amountMsat),
      settled_at: settledAt ?? 0,
      created_at: Math.floor(invoice.createdAtMs / 1000),
      expires_at: invoice.expiresAt,
      description: invoice.description,
      description_hash: '',
      preimage: '',
      fees_paid: 0,
    }
  }
  const notFound = { result: undefined, error: { code: 'NOT_FOUND' as const, message: 'no such invoice' } }
  const stop = await service.subscribe(keys, {
    getInfo: async () => ({
      result: {
        alias: '',
        color: '',
        pubkey: '',
        network: 'regtest',
        block_height: 1,
        block_hash: '',
        methods: ['make_invoice', 'lookup_invoice'],
      },
      error: undefined,
    }),
    async makeInvoice({ amount, description = '', expiry = 3600 }) {
      const made = node.make({ amountMsat: BigInt(amount), description, expirySeconds: expiry })
      const result = transaction(made.paymentHash)
      return result ? { result, error: undefined } : notFound
    },
    async lookupInvoice({ payment_hash: paymentHash = '' }) {
      const result = transaction(paymentHash)
      return result ? { result, error: undefined } : notFound
    },
  })
  try {
    const uri = `nostr+walletconnect://${keys.walletPubkey}?relay=${encodeURIComponent(relay.url)}&secret=${hex(clientSecret)}`
    await using wallet = openNwcWallet({ name: 'nwc', uri, clock: systemClock })
    await wallet.start(deadline())
    expect(wallet.capabilities).toMatchObject({ unitMsat: 1n, network: 'bcrt', push: 'none' })
    const issued = await wallet.createInvoice(makeRequest({ amountMsat: 1500n }), deadline())
    expect(issued.amountMsat).toBe(1500n)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
    node.settle(issued.paymentHash)
    expect(await wallet.lookup(issued, deadline())).toMatchObject({ state: 'settled', receivedMsat: 1500n })
    expect(await wallet.lookup({ paymentHash: 'ab'.repeat(32), ref: '' }, deadline())).toEqual({ state: 'unknown' })
    expect(await wallet.health(deadline())).toMatchObject({ ok: true })
  } finally {
    stop()
    service.close()
  }
})
