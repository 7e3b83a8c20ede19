import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { holdBakeCommand } from '#src/lightning/lnd/rights.ts'
import { temporaryDirectory, turnpikeFile } from '../cli/run.ts'
import { startDemo } from '../demo/call.ts'
import { openGateway } from '../support/gateway.ts'
import { root } from './blocks.ts'

/** The configuration and the commands of docs/on-delivery.md are two purchases; the metrics of docs/operate.md are theirs. */

const page = readFileSync(join(root, 'docs/on-delivery.md'), 'utf8')
const operate = readFileSync(join(root, 'docs/operate.md'), 'utf8')
const blocksOf = (language: string): string[] =>
  [...page.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].flatMap(([, indent = '', name, lines = '']) =>
    name === language ? [lines.replaceAll(new RegExp(`^${indent}`, 'gm'), '')] : [],
  )

test('what docs/on-delivery.md shows works as it stands', { timeout: 40_000 }, async () => {
  const [config = '', limits = '', ...otherConfigs] = blocksOf('yaml')
  const [commands = '', bake = '', ...otherCommands] = blocksOf('sh')
  expect([otherConfigs, otherCommands]).toEqual([[], []])
  expect(bake.trim()).toBe(holdBakeCommand)
  await using upstream = await startDemo()
  const services = config.replace(/^lightning: .*\n/, '').replace('http://127.0.0.1:9000', upstream.base)
  await using gateway = await openGateway({ config: `${limits}${services}`, logLevel: 'info' })
  using directory = temporaryDirectory()
  const npx = `npx() { shift; "${process.execPath}" "${turnpikeFile}" "$@"; }\n`
  const shell = spawn('bash', ['-ec', npx + commands], {
    cwd: directory.path,
    env: { PATH: process.env.PATH, BASE: gateway.url, ADMIN: gateway.adminUrl },
  })
  const [said, [code]] = await Promise.all([text(shell.stderr), once(shell, 'close')])
  expect([code, said]).toEqual([0, expect.stringMatching(/Delivered, paid 300 sats\.[^]*Not delivered, not charged/)])
  const read = (name: string) => readFileSync(join(directory.path, name), 'utf8')
  expect(read('bought.json')).toContain('"delivered":true')
  expect(JSON.parse(read('bought.json'))).toMatchObject({ paidMsat: 300_000, payment: 'spent' })
  expect(read('failed.json')).toContain('"delivered":false')
  expect(JSON.parse(read('failed.json'))).toMatchObject({ paidMsat: 0, payment: 'not-charged' })
  expect(read('code')).toBe('6\n')
  expect(existsSync(join(gateway.dataDir, 'dev-wallet-holds.sqlite'))).toBe(true)

  await expect.poll(() => gateway.log.filter((line) => line.includes('"event":"held_ended"')).length).toBe(2)
  const ends = gateway.log
    .filter((line) => line.includes('"event":"held_ended"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(ends).toMatchObject([
    { service: 'song', end: 'settled', reason: 'result', waited_ms: expect.any(Number) as number },
    { service: 'song', end: 'cancelled', reason: 'failed', waited_ms: expect.any(Number) as number },
  ])
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  const measured = [...metrics.matchAll(/^# TYPE (turnpike_hold\S*)/gm)].map(([, name = '']) => name)
  const documented = [...operate.matchAll(/turnpike_hold\w*/g)].map(([name]) => name)
  expect([...new Set(documented)].toSorted()).toEqual(measured.toSorted())
})
