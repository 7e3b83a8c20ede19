import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort, root, turnpike } from '../cli/run.ts'
import { answerWith } from '../support/answers.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { makeSite } from '../support/process.ts'
import { aRequest, makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

const page = readFileSync(join(root, 'docs/operate.md'), 'utf8')
const documented = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'))

/** What stands in the page, in its order, and what it has to do. */
const expected: readonly (readonly [string, number, RegExp])[] = [
  ['npx turnpike check', 0, /is good/],
  ['kill -HUP "$PID"', 0, /^$/],
  ['kill -TERM "$PID"', 0, /^$/],
  ['npx turnpike refunds', 0, /REF {2}make +7 .*failed too often/],
  ['npx turnpike refunds --all --csv', 0, /^reference,service,sats/],
  ['npx turnpike refunds reopen REF --for 7d', 0, /open for new attempts/],
  ['npx turnpike refunds mark REF --note "sent 7 sats to alice@example.com"', 0, /noted as refunded/],
  ['npx turnpike revoke PAYMENT_HASH', 0, /^revoked/],
  ['npx turnpike keys list', 0, /^key 1 .*signs/],
  ['npx turnpike keys rotate', 0, /key 2 signs/],
  ['npx turnpike keys retire 1', 4, /may be asked for until \d{4}-/],
  ['npx turnpike backup backups/2027-01-31', 0, /holds ledger and keys/],
  ['mv data data.lost', 0, /^$/],
  ['npx turnpike restore backups/2027-01-31', 0, /Held back/],
]

test('every command of docs/operate.md does what the page says', { timeout: 120_000 }, async () => {
  expect(expected.map(([command]) => command)).toEqual(documented)
  await using upstream = await openUpstream(answerWith(500))
  const admin = `127.0.0.1:${await freePort()}`
  const shop = makeShop(upstream.url, 'attempts: 1')
  using site = makeSite(shop)
  writeFileSync(site.file, `listen: 127.0.0.1:0\nadmin: { listen: ${admin} }\n${shop}`)
  const gateway = await site.start()
  const [one, two] = [await payFor(gateway, aRequest), await payFor(gateway, aRequest)]
  const reference = (await send(gateway, paid(aRequest, one))).json().payment.reference ?? ''
  await send(gateway, paid(aRequest, two))
  const words: Readonly<Record<string, string>> = { REF: reference, PAYMENT_HASH: two.paymentHash }
  const environment = { PID: String(gateway.child.pid) }
  let running = true
  const run = async (command: string): Promise<[number | null, string]> => {
    const line = command.replaceAll(/\b(?:REF|PAYMENT_HASH)\b/g, (word) => words[word] ?? word)
    const args = /^npx turnpike (.*)$/.exec(line)?.[1]
    if (args === undefined) {
      const env = { ...process.env, ...environment }
      return [0, execFileSync('sh', ['-c', line], { cwd: site.directory, env, encoding: 'utf8' })]
    }
    const split = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    const { code, stdout, stderr } = await turnpike(split, { cwd: site.directory })
    return [code, stdout + stderr]
  }
  // The page tells of stopping early; here it comes when nothing needs the gateway any more.
  const late = 'kill -TERM "$PID"'
  for (const [command, code, says] of expected) {
    if (command === late) continue
    if (command.startsWith('mv ')) {
      expect(await run(late)).toEqual([0, ''])
      await expect.poll(() => gateway.child.exitCode, { timeout: 10_000 }).toBe(0)
      running = false
    }
    const [ended, said] = await run(command)
    expect([command, ended]).toEqual([command, code])
    expect(said.replaceAll(reference, 'REF').trim()).toMatch(new RegExp(says.source, 'm'))
    if (command.includes('-HUP'))
      await expect
        .poll(() => gateway.log().some(({ event }) => event === 'config_adopted'), { timeout: 5_000 })
        .toBe(true)
  }
  expect(running).toBe(false)
  expect(existsSync(join(site.directory, 'data/ledger.sqlite'))).toBe(true)
  await using next = await site.start()
  expect((await send(next, paid(aRequest, one))).json().code).toBe('refunded')
  expect((await send(next, paid(aRequest, two))).json().code).toBe('token_revoked')
})

test('the operator’s commands take no media type that a page could send unasked', async () => {
  await using upstream = await openUpstream()
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  for (const path of [
    '/keys/rotate',
    '/keys/1/retire',
    `/payments/${'ab'.repeat(32)}/revoke`,
    `/refunds/${'ab'.repeat(16)}/mark`,
  ]) {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', undefined]) {
      const headers = type === undefined ? {} : { 'content-type': type }
      const answer = await fetch(`${gateway.adminUrl}${path}`, { method: 'POST', headers, body: '{"note":"x"}' })
      expect([path, type, answer.status]).toEqual([path, type, 415])
    }
    expect((await fetch(`${gateway.url}${path}`, { method: 'POST' })).status).toBe(404)
  }
  expect(readFileSync(join(gateway.dataDir, 'keys'), 'utf8')).not.toContain('verify')
})

test('a command brings the token that its configuration names, and says so when that is not the one', {
  timeout: 60_000,
}, async () => {
  using site = makeSite('')
  const admin = `127.0.0.1:${await freePort()}`
  const config = (token: string) =>
    `listen: 127.0.0.1:0\nadmin: { listen: ${admin}, token: ${token} }\n${makeShop('http://127.0.0.1:9')}`
  writeFileSync(site.file, config('the-right-token-of-16'))
  await using gateway = await site.start()
  const run = (...args: string[]) => turnpike([...args, '--config', site.file])
  expect(await run('keys', 'rotate')).toMatchObject({ code: 0 })
  writeFileSync(site.file, config('another-token-of-16-c'))
  const refused = await run('keys', 'rotate')
  expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/wants the token/)])
  // What is wrong with a service does not keep the operator from his commands.
  writeFileSync(site.file, config('the-right-token-of-16').replace('flat: 7', 'flat: -7'))
  expect((await run('keys', 'list')).stdout).toMatch(/^key 1 .*verifies .*\nkey 2 .*signs/)
  expect(gateway.child.exitCode).toBeNull()
})
