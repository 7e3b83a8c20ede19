import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { KeysProblem } from '#src/keys/keys-file.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

test('a gateway whose keys are gone refuses to start, and starts again once they are back', async () => {
  await using upstream = await openUpstream()
  using directory = makeDirectory()
  using elsewhere = makeDirectory()
  const [here, there] = [join(directory.path, 'keys'), join(elsewhere.path, 'keys')]
  const options = { config: makeShop(upstream.url), dataDir: directory.path }
  const before = await openGateway(options)
  const payment = await payFor(before, aRequest)
  await before[Symbol.asyncDispose]()
  copyFileSync(here, there)
  rmSync(here)
  await expect(openGateway(options)).rejects.toBeInstanceOf(KeysProblem)
  copyFileSync(there, here)
  await using gateway = await openGateway(options)
  expect((await send(gateway, paid(aRequest, payment))).status).toBe(200)
})
