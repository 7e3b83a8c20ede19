import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { makeLndSubject } from '../support/wallets/lnd.ts'
import { root, temporaryDirectory, turnpikeFile, until } from './run.ts'

const hook = join(root, 'test/support/loaded-packages.mjs')

/** Every package that `turnpike serve` loads until it sells. */
async function loadedWith(wallet: string): Promise<string[]> {
  using directory = temporaryDirectory()
  writeFileSync(
    join(directory.path, 'gateway.yaml'),
    `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
lightning: { wallet: ${wallet} }
services: { /make: { upstream: "http://127.0.0.1:9", price: { flat: 7 } } }
`,
  )
  const child = spawn(process.execPath, ['--import', hook, turnpikeFile, 'serve'], {
    cwd: directory.path,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let loaded = ''
  const told = child.stdio[3] as Readable
  told.setEncoding('utf8').on('data', (text: string) => (loaded += text))
  if (!child.stderr) throw new Error('no stderr')
  await until(child.stderr, /sells 1 service/)
  child.kill('SIGTERM')
  await new Promise((resolve) => child.once('close', resolve))
  return loaded.split('\n').filter(Boolean)
}

const heavy = (packages: readonly string[]) =>
  packages.filter((name) => /^(?:lightning|@grpc\/|protobufjs|@getalby\/|nostr|psbt|invoices|ws$)/.test(name))

describe('packages of wallets', { timeout: 30_000 }, () => {
  test('are not loaded with the development wallet', async () => {
    const loaded = await loadedWith('dev')
    expect(loaded).toContain('zod')
    expect(heavy(loaded)).toEqual([])
  })

  test('are not loaded with a wallet that needs none', async () => {
    expect(heavy(await loadedWith('[{ dev: {} }, { phoenixd: { url: "http://127.0.0.1:1", password: x } }]'))).toEqual(
      [],
    )
  })

  test('of lnd are loaded where lnd is configured, and no others', async () => {
    await using subject = await makeLndSubject()
    const { address, tlsCert, macaroon } = subject.settings
    const lnd = `{ address: "${address}", tls_cert: ${JSON.stringify(tlsCert)}, macaroon: "${macaroon}" }`
    const loaded = await loadedWith(`{ lnd: ${lnd} }`)
    expect(loaded).toEqual(expect.arrayContaining(['lightning', '@grpc/grpc-js']))
    expect(loaded.filter((name) => name.startsWith('@getalby'))).toEqual([])
  })
})
