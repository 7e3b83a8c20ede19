import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { type Finished, turnpike } from '../cli/run.ts'
import { answerWith } from '../support/answers.ts'
import { type Payment, paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { echo, openUpstream } from '../support/upstream.ts'

/** A data directory, its gateway and a place for backups. */
async function openSetting() {
  const root = makeDirectory()
  const upstream = await openUpstream()
  const config = makeShop(upstream.url, 'attempts: 1')
  const dataDir = join(root.path, 'data')
  const file = join(root.path, 'gateway.yaml')
  writeFileSync(file, `admin: { listen: 127.0.0.1:1 }\ndata: ./data\n${config}`)
  let gateway: TestGateway | undefined
  const stop = async () => {
    await gateway?.[Symbol.asyncDispose]()
    gateway = undefined
  }
  return {
    root: root.path,
    upstream,
    dataDir,
    to: join(root.path, 'backup'),
    open: async () => (gateway = await openGateway({ config, dataDir })),
    stop,
    /** All that was written since the last backup is gone. */
    async lose() {
      await stop()
      renameSync(dataDir, `${dataDir}.lost`)
    },
    run: (...args: string[]): Promise<Finished> => turnpike([...args, '--config', file]),
    async [Symbol.asyncDispose]() {
      await stop()
      await upstream[Symbol.asyncDispose]()
      root[Symbol.dispose]()
    },
  }
}

const money = async (gateway: TestGateway, payment: Payment, request = aRequest) =>
  (await send(gateway, paid(request, payment))).headers['l402-payment']

describe('turnpike backup', { timeout: 60_000 }, () => {
  test('made while the gateway sells is whole, private, and overwrites nothing', async () => {
    await using setting = await openSetting()
    const { run, to } = setting
    const gateway = await setting.open()
    const spent = await payFor(gateway, aRequest)
    expect(await money(gateway, spent)).toBe('spent')
    const selling = new AbortController()
    const busy = (async () => {
      while (!selling.signal.aborted) await money(gateway, await payFor(gateway, aRequest))
    })()
    expect(await run('backup', to)).toMatchObject({ code: 0, stderr: '' })
    selling.abort()
    await busy
    expect(readdirSync(to).toSorted()).toEqual(['dev-wallet.sqlite', 'keys', 'ledger.sqlite'])
    expect(statSync(to).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(to)) expect([name, statSync(join(to, name)).mode & 0o777]).toEqual([name, 0o600])
    expect(readFileSync(join(to, 'keys'), 'utf8')).toBe(readFileSync(join(setting.dataDir, 'keys'), 'utf8'))
    expect(await run('backup', to)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('overwrites nothing') as string,
    })
    expect(readdirSync(setting.root).filter((name) => name.includes('partial'))).toEqual([])
  })

  test('of a gateway that never ran, or without its keys, is none', async () => {
    await using setting = await openSetting()
    const { run, to } = setting
    expect(await run('backup', to)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nothing was sold yet') as string,
    })
    await setting.open()
    await setting.stop()
    rmSync(join(setting.dataDir, 'keys'))
    expect((await run('backup', to)).code).toBe(3)
    expect(existsSync(to)).toBe(false)
  })
})

describe('turnpike restore', { timeout: 60_000 }, () => {
  test('of everything that happened: old tokens work, results are served, and the wallet is the same', async () => {
    await using setting = await openSetting()
    const { run, to } = setting
    const gateway = await setting.open()
    const [spent, unspent] = [await payFor(gateway, aRequest), await payFor(gateway, aRequest)]
    const first = await send(gateway, paid(aRequest, spent))
    await setting.stop()
    expect((await run('backup', to)).code).toBe(0)
    renameSync(setting.dataDir, `${setting.dataDir}.old`)
    expect(await run('restore', to, '--nothing-delivered-since')).toMatchObject({ code: 0, stderr: '' })
    const restored = await setting.open()
    const again = await send(restored, paid(aRequest, spent))
    expect([again.headers['l402-payment'], again.text]).toEqual(['replayed', first.text])
    expect(await money(restored, unspent)).toBe('spent')
    expect(await money(restored, await payFor(restored, aRequest))).toBe('spent')
    expect(setting.upstream.calls).toHaveLength(3)
  })

  test('of less than that delivers nothing a second time: what may be spent is held back, known, and can be let go', async () => {
    await using setting = await openSetting()
    const { run, to, upstream } = setting
    const gateway = await setting.open()
    const stored = await payFor(gateway, aRequest)
    await money(gateway, stored)
    upstream.answer = answerWith(503)
    const failed = await payFor(gateway, aRequest)
    expect(await money(gateway, failed)).toBe('unspent')
    upstream.answer = answerWith(422)
    const refused = await payFor(gateway, aRequest)
    expect(await money(gateway, refused)).toBe('unspent')
    const early = await payFor(gateway, aRequest)
    expect((await run('backup', to)).code).toBe(0)
    // After the backup: all of these get their results.
    upstream.answer = echo
    const late = await payFor(gateway, aRequest)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    const other = { ...aRequest, body: { prompt: 'a dog' } }
    for (const each of [failed, early, late]) expect(await money(gateway, each)).toBe('spent')
    expect(await money(gateway, refused, other as typeof aRequest)).toBe('spent')
    const calls = upstream.calls.length
    await setting.lose()

    const said = await run('restore', to)
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 payments in it without a result') as string,
    })
    const restored = await setting.open()
    expect(await money(restored, stored)).toBe('replayed')
    for (const each of [failed, early, late, refused]) {
      for (const request of [aRequest, other as typeof aRequest]) {
        const answer = await send(restored, paid(request, each))
        expect([402, 409, 410]).toContain(answer.status)
        // Nobody is asked to pay for the same thing again.
        if (request === aRequest) expect([answer.status, answer.json().code]).toEqual([410, 'refund_due'])
      }
    }
    expect(upstream.calls).toHaveLength(calls)
    const due = readRefunds(setting.dataDir, Date.now())
    expect(due.map(({ reason }) => reason)).toEqual(['restored', 'restored', 'restored', 'restored'])
    const { job } = (await restored.running.context.ledger.read(late.paymentHash)) ?? {}
    await fetch(`${restored.adminUrl}/refunds/${job?.id}/reopen`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    expect(await money(restored, late)).toBe('spent')
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect(await money(restored, await payFor(restored, aRequest))).toBe('spent')
  })

  test('is needed: a gateway does not start on a backup that was copied into place', async () => {
    await using setting = await openSetting()
    await setting.open()
    expect((await setting.run('backup', setting.to)).code).toBe(0)
    await setting.lose()
    cpSync(setting.to, setting.dataDir, { recursive: true })
    await expect(setting.open()).rejects.toThrow(/is a backup of .*`turnpike restore/)
  })

  test('is needed for a ledger that is older than the one that ran last, however it came there', async () => {
    await using setting = await openSetting()
    const { dataDir } = setting
    await setting.open()
    await setting.stop()
    cpSync(join(dataDir, 'ledger.sqlite'), join(setting.root, 'old.sqlite'))
    const gateway = await setting.open()
    const payment = await payFor(gateway, aRequest)
    expect(await money(gateway, payment)).toBe('spent')
    await setting.stop()
    for (const end of ['-wal', '-shm']) rmSync(join(dataDir, `ledger.sqlite${end}`), { force: true })
    cpSync(join(setting.root, 'old.sqlite'), join(dataDir, 'ledger.sqlite'))
    await expect(setting.open()).rejects.toThrow(/older than the one that ran here last/)
    renameSync(dataDir, `${dataDir}.aside`)
    expect((await setting.run('restore', `${dataDir}.aside`)).code).toBe(0)
    const restored = await setting.open()
    expect(await money(restored, payment)).toBe('refundable')
    expect(setting.upstream.calls).toHaveLength(1)
  })

  test('overwrites nothing, and takes nothing that does not belong together', async () => {
    await using setting = await openSetting()
    const { run, to, dataDir } = setting
    await setting.open()
    expect((await run('backup', to)).code).toBe(0)
    await setting.stop()
    expect(await run('restore', to)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('exists; move') as string,
    })
    expect(await run('restore', join(setting.root, 'nowhere'))).toMatchObject({ code: 5 })
    await setting.lose()
    const keys = readFileSync(join(to, 'keys'), 'utf8')
    writeFileSync(join(to, 'keys'), keys.replace(/[0-9a-f]{64}/, 'ab'.repeat(32)))
    expect(await run('restore', to)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has another key 1') as string,
    })
    expect(readdirSync(dataDir)).toEqual([])
    writeFileSync(join(to, 'keys'), keys)
    expect((await run('restore', to)).code).toBe(0)
    await setting.open()
  })
})
