import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort, temporaryDirectory, turnpike } from './run.ts'

const service = 'services:\n  /x: { upstream: "http://127.0.0.1:9", price: { flat: 1 } }\n'

async function examine(lightning: string, ...args: string[]) {
  using directory = temporaryDirectory()
  const file = join(directory.path, 'gateway.yaml')
  writeFileSync(file, `lightning: ${lightning}\n${service}`)
  return await turnpike(['doctor', '--config', file, ...args])
}

test('a good wallet is connected, tried with one invoice, and described', async () => {
  const { code, stdout, stderr } = await examine('{ wallet: dev }')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^dev \(dev\)\n {2}ok {4}Connected in \d+ ms\.\n/)
  expect(stdout).toContain('  ok    Network regtest.\n')
  expect(stdout).toContain('in steps of 1 msat')
  expect(stdout).toMatch(/ {2}ok {4}A test invoice of 1 sat was made in \d+ ms, and is what was asked for\.\n/)
  expect(stdout).toContain('  ok    It finds that invoice again, unpaid.\n')
  expect(stdout).toMatch(/Every wallet can be sold with\.\n$/)
})

test('of two wallets the bad one is named with one sentence, and the code says so', async () => {
  const port = await freePort()
  const bad = `{ name: gone, phoenixd: { url: "http://127.0.0.1:${port}", password: abc } }`
  const { code, stdout } = await examine(
    `{ wallet: [${bad}, { name: spare, mint_per_minute: 30, dev: {} }] }`,
    '--json',
  )
  expect(code).toBe(3)
  const report = JSON.parse(stdout) as {
    ok: boolean
    wallets: { wallet: string; findings: { level: string; text: string }[] }[]
  }
  expect(report.ok).toBe(false)
  const [gone, spare] = report.wallets
  expect(gone?.findings.map(({ level }) => level)).toEqual(['fail'])
  expect(gone?.findings[0]?.text).not.toContain('abc')
  expect(spare?.findings.map(({ text }) => text)).toContain('It makes 30 invoices a minute at most.')
  expect(spare?.findings.some(({ level }) => level === 'fail')).toBe(false)
})
