import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { turnpike } from '../cli/run.ts'
import { answerWith, inTurn } from '../support/answers.ts'
import { openOwing } from '../support/owing.ts'
import { makeShop } from '../support/shop.ts'

describe('turnpike refunds and revoke', { timeout: 30_000 }, () => {
  test('list, open again and note, by the configuration of the gateway', async () => {
    await using shop = await openOwing(answerWith(500), ['attempts: 1'], 'contact: refunds@example.com')
    const { gateway } = shop
    await shop.mine()
    const { job } = await shop.row()
    const file = join(gateway.dataDir, 'gateway.yaml')
    const place = `admin: { listen: ${new URL(gateway.adminUrl).host} }\ncontact: refunds@example.com\ndata: .`
    writeFileSync(file, `${place}\n${makeShop(shop.upstream.url)}`)
    const run = (...args: string[]) => turnpike([...args, '--config', file])

    const table = await run('refunds')
    expect(table.stdout).toMatch(
      new RegExp(`^${job.id}  make +7 +[0-9: -]+ +the service failed too often \\(upstream_failed\\) +open$`, 'm'),
    )
    expect(table.stdout).toContain('1 open, 7 sats')
    expect(JSON.parse((await run('refunds', '--json')).stdout)).toMatchObject({
      contact: 'refunds@example.com',
      refunds: [{ reference: job.id, sats: 7, reason: 'given_up' }],
    })

    expect(await run('refunds', 'reopen', job.id, '--for', '7d')).toMatchObject({ code: 0, stderr: '' })
    expect((await run('refunds')).stdout).toBe('Nothing is due for a refund.\n')
    expect((await shop.mine()).json().code).toBe('given_up')
    expect(await run('refunds', 'mark', job.id)).toMatchObject({ code: 2 })
    expect(await run('refunds', 'mark', job.id, '--note', '=paid, "by hand"')).toMatchObject({ code: 0 })
    expect((await run('refunds', '--csv')).stdout.trim().split('\n')).toHaveLength(1)
    expect((await run('refunds', '--csv', '--all')).stdout).toContain(`,"'=paid, ""by hand""",`)
    expect(await run('refunds', 'reopen', job.id)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('refunded on') as string,
    })
    expect(await run('revoke', 'ab'.repeat(16))).toMatchObject({ code: 5 })
    expect(await run('revoke', 'ab'.repeat(32))).toMatchObject({ code: 0 })
    expect(await run('revoke', 'x')).toMatchObject({ code: 2 })
  })

  test('need the gateway where they write, and say so; the list does not', async () => {
    const shop = await openOwing(answerWith(500))
    await using upstream = shop.upstream
    await shop.mine()
    const { job } = await shop.row()
    const stopped = await shop.gateway.restart()
    await stopped[Symbol.asyncDispose]()
    const file = join(stopped.dataDir, 'gateway.yaml')
    writeFileSync(file, `admin: { listen: 127.0.0.1:1 }\ndata: .\n${makeShop(upstream.url)}`)
    expect((await turnpike(['refunds', '--config', file])).stdout).toContain(job.id)
    for (const args of [
      ['refunds', 'mark', job.id, '--note', 'x'],
      ['revoke', job.id],
    ]) {
      const { code, stderr } = await turnpike([...args, '--config', file])
      expect(code).toBe(3)
      expect(stderr).toMatch(/no gateway answers at http:\/\/127\.0\.0\.1:1\. .*turnpike serve/)
    }
  })
})

test('a result that comes after the row was pruned is kept like any other', async () => {
  await using shop = await openOwing(inTurn(answerWith(503), answerWith(200, 'made')), ['result: { ttl: 1m }'])
  await shop.mine()
  shop.clock.advance(5 * 60_000)
  const { ledger } = shop.gateway.running.context
  await ledger.prune(shop.clock.nowMs(), shop.clock.monotonicMs())
  expect((await shop.row()).job.pruned).toBe(true)
  expect((await shop.mine()).text).toBe('made')
  const again = await shop.mine()
  expect([again.status, again.headers['l402-payment'], again.text]).toEqual([200, 'replayed', 'made'])
})
