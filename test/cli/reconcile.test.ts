import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { buyFrom, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'
import { temporaryDirectory, turnpike } from './run.ts'

const sells = (upstream: string) =>
  `services:\n  GET /make: { name: make, upstream: "${upstream}", price: { flat: 7 } }\n`

/** A ledger with one sale, and an invoice that nobody had paid when its gateway ended. */
async function endedShop(dataDir: string): Promise<{ invoice: string }> {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: sells(upstream.url), dataDir })
  await buyFrom(gateway, { path: '/make' })
  const { invoice } = (await send(gateway, { path: '/make' })).json()
  writeFileSync(join(dataDir, 'reconcile.yaml'), `data: .\n${sells('http://127.0.0.1:9')}`)
  return { invoice }
}

async function differences(dataDir: string) {
  const { code, stdout, stderr } = await turnpike(['reconcile', '--config', join(dataDir, 'reconcile.yaml'), '--json'])
  expect(stderr).toBe('')
  return { code, found: JSON.parse(stdout) as Record<string, unknown>[] }
}

test('a payment that came while no gateway ran is not in the books yet', async () => {
  using directory = temporaryDirectory()
  const { invoice } = await endedShop(directory.path)
  expect(await differences(directory.path)).toEqual({ code: 0, found: [] })
  await using wallet = openDevWallet({
    name: 'dev',
    file: join(directory.path, 'dev-wallet.sqlite'),
    clock: systemClock,
  })
  await wallet.pay(invoice, AbortSignal.timeout(5_000))
  const { code, found } = await differences(directory.path)
  expect(code).toBe(1)
  expect(found).toMatchObject([{ kind: 'not_in_books', wallet: 'dev', receivedMsat: 7_000, service: null }])
}, 30_000)

test('a redeemed payment that its wallet has not received is named', async () => {
  using directory = temporaryDirectory()
  await endedShop(directory.path)
  // Another wallet under the same name has received nothing.
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(directory.path, `dev-wallet.sqlite${suffix}`), { force: true })
  const { code, found } = await differences(directory.path)
  expect(code).toBe(1)
  expect(found).toMatchObject([{ kind: 'not_received', wallet: 'dev', service: 'make', priceMsat: 7_000 }])
}, 30_000)

test('the books of a gateway that has ended can be read', async () => {
  using directory = temporaryDirectory()
  await endedShop(directory.path)
  const { code, stdout } = await turnpike(['revenue', '--data', directory.path, '--csv'])
  expect([code, stdout.split('\r\n')[1]]).toEqual([0, `${new Date().toISOString().slice(0, 10)},make,1,1,7,0`])
}, 30_000)
