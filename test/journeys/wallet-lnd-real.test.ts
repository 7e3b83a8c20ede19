import { authenticatedLndGrpc, pay } from 'lightning'
import { describe, expect, test } from 'vitest'
import { readWallets } from '#src/config/read-wallets.ts'
import { fileSchema } from '#src/config/schema.ts'
import { createWallet } from '#src/lightning/create-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { Wallet } from '#src/ports/wallet.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'

/**
 * Against a real lnd, where `TURNPIKE_TEST_LND` names one: JSON `{ address, cert, macaroon, network?, payer? }`, cert and
 * macaroon as text, hex or base64, `payer` another node of the same form that has a channel to it and may pay.
 */

interface Node {
  readonly address: string
  readonly cert?: string
  readonly macaroon: string
  readonly network?: string
}

const written = process.env.TURNPIKE_TEST_LND
const node = written === undefined ? undefined : (JSON.parse(written) as Node & { readonly payer?: Node })
const deadline = (): AbortSignal => AbortSignal.timeout(10_000)

/** By the way of the configuration. */
async function openWallet({ address, cert, macaroon, network }: Node): Promise<Wallet> {
  const lnd = {
    address,
    macaroon,
    ...(cert !== undefined && { tls_cert: cert }),
    ...(network !== undefined && { network }),
  }
  const { lightning } = fileSchema.parse({ lightning: { wallet: { lnd } }, services: {} })
  const [settings] = readWallets(lightning.wallet, (_path, message) => expect.fail(message))
  if (!settings) return expect.fail('no wallet')
  return await createWallet(settings, '/nonexistent', systemClock)
}

const withoutNode = 'TURNPIKE_TEST_LND is not set, so nothing was tried against a real lnd'
const withoutPayer = 'TURNPIKE_TEST_LND names no `payer`, so nothing was bought from a real lnd'

describe('a real lnd', () => {
  test('makes exact invoices, the same again for the same key, and knows them', async ({ skip }) => {
    if (!node) return skip(withoutNode)
    await using wallet = await openWallet(node)
    await wallet.start(deadline())
    const request = { amountMsat: 1_501n, description: 'Turnpike', expirySeconds: 60, idempotencyKey: `${Date.now()}` }
    const issued = await wallet.createInvoice(request, deadline())
    expect((await wallet.createInvoice(request, deadline())).bolt11).toBe(issued.bolt11)
    expect(await wallet.lookup(issued, deadline())).toEqual({ state: 'open' })
    const unknown = 'ab'.repeat(32)
    expect(await wallet.lookup({ paymentHash: unknown, ref: unknown }, deadline())).toEqual({ state: 'unknown' })
    expect(await wallet.health(deadline())).toMatchObject({ ok: true })
  })

  test('sells, is paid over a channel, and tells of the settlement', async ({ skip }) => {
    if (!node) return skip(withoutNode)
    if (!node.payer) return skip(withoutPayer)
    const { address, cert, macaroon } = node.payer
    const { lnd } = authenticatedLndGrpc({ socket: address, macaroon, ...(cert !== undefined && { cert }) })
    const payer = { pay: async (bolt11: string) => (await pay({ lnd, request: bolt11, max_fee: 10 })).secret }
    await using upstream = await openUpstream()
    await using wallet = await openWallet(node)
    const config = `services: { POST /make: { upstream: "${upstream.url}", price: { flat: 7 } } }`
    await using gateway = await openGateway({ config, wallets: [wallet] })
    const request = { path: '/make', body: { prompt: 'a cat' } }
    const payment = await payFor(gateway, request, payer)
    expect((await send(gateway, paid(request, payment))).status).toBe(200)
    const { paymentHash } = payment
    await expect
      .poll(async () => (await wallet.lookup({ paymentHash, ref: paymentHash }, deadline())).state)
      .toBe('settled')
    for (const client of Object.values(lnd) as { close(): void }[]) client.close()
  })
})
