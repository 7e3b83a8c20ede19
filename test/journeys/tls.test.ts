import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type RequestOptions, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { watchTlsFiles } from '#src/cli/tls-files.ts'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { makeShop } from '../support/shop.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { authorities } from '../support/wallets/tls-files.ts'

const fixture = (name: string): string => join(import.meta.dirname, '../support/wallets/tls', name)
const directory = mkdtempSync(join(tmpdir(), 'turnpike-tls-'))
const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]

/** The certificate that a private authority signed, or the one of an lnd. */
function put(which: 'server' | 'lnd'): void {
  copyFileSync(fixture(`${which}.pem`), certFile)
  copyFileSync(fixture(`${which}-key.pem`), keyFile)
}

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  put('server')
  upstream = await openUpstream()
  const tls = `tls: { cert_file: ${certFile}, key_file: ${keyFile} }\n`
  gateway = await openGateway({ config: tls + makeShop(upstream.url) })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const post = async (headers: Record<string, string> = {}, options: RequestOptions = {}) => {
  const { port } = new URL(gateway.url)
  const place = {
    port,
    path: '/make',
    method: 'POST',
    host: '127.0.0.1',
    servername: 'localhost',
    agent: false,
  } as const
  const outgoing = request({
    ...place,
    ca: authorities().right,
    headers: { host: 'localhost', ...headers },
    ...options,
  })
  outgoing.end('{}')
  const [incoming] = await once(outgoing, 'response')
  return {
    status: incoming.statusCode as number,
    headers: incoming.headers as Record<string, string>,
    body: await text(incoming),
  }
}

async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: Number(new URL(gateway.url).port),
    servername: 'localhost',
    ...options,
  })
  await once(socket, 'secureConnect')
  return socket
}

describe('a gateway with a certificate of its own', () => {
  const json = { 'content-type': 'application/json' }

  test('sells over HTTPS, and tells the upstream so', async () => {
    expect(gateway.url).toMatch(/^https:/)
    const challenged = await post(json)
    const challenge = parseChallenge(challenged.headers['www-authenticate'] ?? '')
    const preimage = await gateway.wallet.pay(challenge?.invoice ?? '')
    const bought = await post({ ...json, authorization: `L402 ${challenge?.token}:${preimage}` })
    expect([challenged.status, bought.status, bought.headers['l402-payment']]).toEqual([402, 200, 'spent'])
    expect(upstream.calls.at(-1)?.headers['x-forwarded-proto']).toBe('https')
  })

  test('is known by its authority and by no other', async () => {
    await expect(post(json, { ca: authorities().wrong })).rejects.toThrow(/certificate/)
    await expect(post(json, { servername: 'api.example.com' })).rejects.toThrow(/altnames/)
  })

  test.for([
    ['TLSv1.1', 'TLSv1.1', undefined],
    ['TLSv1', 'TLSv1.1', undefined],
    ['TLSv1.2', 'TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3', 'TLSv1.3'],
  ] as const)('speaks %s to %s: %s', async ([minVersion, maxVersion, spoken]) => {
    // Older versions are off in the client too, unless it is asked to be careless.
    const attempt = handshake({ ca: authorities().right, minVersion, maxVersion, ciphers: 'ALL:@SECLEVEL=0' })
    if (spoken === undefined) {
      await expect(attempt).rejects.toThrow(/alert protocol version|unsupported protocol/i)
      return
    }
    const socket = await attempt
    expect(socket.getProtocol()).toBe(spoken)
    socket.destroy()
  })

  test('answers nothing to plain HTTP and lives on', async () => {
    await expect(fetch(gateway.url.replace('https', 'http'))).rejects.toThrow()
    expect((await post(json)).status).toBe(402)
  })

  test('takes up files that changed, without a restart', { timeout: 30_000 }, async () => {
    put('lnd')
    const seen = async (): Promise<string> => {
      const socket = await handshake({ rejectUnauthorized: false })
      const { subject } = socket.getPeerCertificate()
      socket.destroy()
      return String(subject.O)
    }
    const before = await seen()
    await expect.poll(seen, { timeout: 15_000, interval: 250 }).not.toBe(before)
    expect(gateway.log.some((line) => line.includes('the new TLS certificate is in use'))).toBe(true)
    put('server')
    await expect.poll(seen, { timeout: 15_000, interval: 250 }).toBe(before)
  })
})

test('files that do not fit together, or are gone, change nothing until they are whole', async () => {
  put('server')
  const [used, told]: [string[], boolean[]] = [[], []]
  const changed = { cert: readFileSync(fixture('lnd.pem'), 'utf8'), key: readFileSync(fixture('lnd-key.pem'), 'utf8') }
  using watch = watchTlsFiles(
    { certFile, keyFile },
    ({ cert }) => void used.push(cert),
    (problem) => void told.push(problem === undefined),
    10,
  )
  writeFileSync(certFile, changed.cert)
  await expect.poll(() => told).toEqual([false])
  writeFileSync(keyFile, changed.key.slice(0, 40))
  await expect.poll(() => told.length).toBeGreaterThan(1)
  rmSync(keyFile)
  await expect.poll(() => told.length).toBeGreaterThan(2)
  expect(used).toEqual([])
  writeFileSync(keyFile, changed.key)
  await expect.poll(() => used).toEqual([changed.cert])
  expect(told.at(-1)).toBe(true)
  expect(watch).toBeDefined()
})
