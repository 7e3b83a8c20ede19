import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { freePort } from '../cli/run.ts'
import { paid, payFor, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

/**
 * nginx with `proxy_cache` in front of the gateway, keeping what it is allowed to keep. It does not look at
 * Authorization, so only what the answers say of themselves holds it back.
 */
const hasNginx = spawnSync('nginx', ['-v']).status === 0
if (!hasNginx) console.warn('nginx is not installed: that shared caches keep no paid result is not tested here')

const secret = 'a picture that was paid for'
const directory = mkdtempSync(join(tmpdir(), 'turnpike-nginx-'))
const cache = join(directory, 'cache')
let upstream: TestUpstream
let gateway: TestGateway
let nginx: ChildProcess
/** The gateway as clients reach it. */
let front: { readonly url: string; readonly wallet: TestGateway['wallet'] }

beforeAll(async () => {
  if (!hasNginx) return
  // Everything that an upstream can say to have its answer kept.
  upstream = await openUpstream((_call, outgoing) => {
    const keep = { 'cache-control': 'public, max-age=600, s-maxage=600', expires: 'Thu, 01 Jan 2099 00:00:00 GMT' }
    outgoing.writeHead(200, {
      'content-type': 'text/plain',
      ...keep,
      'x-accel-expires': '600',
      'surrogate-control': 'max-age=600',
      'cdn-cache-control': 'max-age=600',
    })
    outgoing.end(secret)
  })
  gateway = await openGateway({
    config: `services:
  GET /picture: { upstream: "${upstream.url}", price: { flat: 3 } }
  POST /make: { upstream: "${upstream.url}", price: { flat: 3 } }
  GET /free: { upstream: "${upstream.url}", price: free }
`,
  })
  const port = await freePort()
  mkdirSync(cache)
  writeFileSync(
    join(directory, 'nginx.conf'),
    `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
  proxy_cache_path ${cache} keys_zone=all:1m use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${gateway.url};
      proxy_http_version 1.1;
      proxy_cache all; proxy_cache_key $request_uri; proxy_cache_methods GET HEAD POST;
      proxy_cache_valid any 10m;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`,
  )
  nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'nginx.conf')], { stdio: 'ignore' })
  front = { url: `http://127.0.0.1:${port}`, wallet: gateway.wallet }
  await vi.waitFor(() => fetch(front.url), { timeout: 10_000 })
})
afterAll(async () => {
  if (hasNginx) {
    nginx.kill('SIGKILL')
    await once(nginx, 'exit')
    await gateway[Symbol.asyncDispose]()
    await upstream[Symbol.asyncDispose]()
  }
  rmSync(directory, { recursive: true, force: true })
})

const kept = (): string =>
  readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .map((name) => join(cache, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'))
    .join('\n')

describe.skipIf(!hasNginx)('a shared cache in front', () => {
  test('keeps what is free, so it works', async () => {
    const first = await send(front, { path: '/free' })
    const second = await send(front, { path: '/free' })
    expect([first.headers['x-cache'], second.headers['x-cache'], second.text]).toEqual(['MISS', 'HIT', secret])
  })

  test.for([
    ['GET', '/picture', undefined],
    ['POST', '/make', {}],
  ] as const)('keeps no paid result, no challenge and no refusal: %s %s', async ([method, path, body]) => {
    const before = kept()
    const request = { method, path, ...(body && { body }) }
    const payment = await payFor(front, request)
    const bought = await send(front, paid(request, payment))
    expect([bought.status, bought.text, bought.headers['cache-control']]).toEqual([200, secret, 'private, no-store'])
    const stranger = await send(front, request)
    expect([stranger.status, stranger.headers['x-cache']]).toEqual([402, 'MISS'])
    expect(stranger.text).not.toContain(secret)
    const other = await payFor(front, request)
    expect(other.paymentHash).not.toBe(payment.paymentHash)
    const replayed = await send(front, paid(request, payment))
    expect([replayed.headers['l402-payment'], replayed.headers['x-cache']]).toEqual(['replayed', 'MISS'])
    expect((await send(front, { path: '/nothing' })).headers['x-cache']).toBe('MISS')
    expect((await send(front, { path: '/nothing' })).headers['x-cache']).toBe('MISS')
    expect(kept()).toBe(before)
  })

  test('keeps no job and no quote', async () => {
    const request = { method: 'POST', path: '/make', body: {} }
    const payment = await payFor(front, request)
    const accepted = await send(front, paid({ ...request, headers: { prefer: 'respond-async' } }, payment))
    const { pathname: path } = new URL(String(accepted.headers.location), front.url)
    const mine = () => send(front, { path: `${path}/result`, headers: payment.authorization })
    await expect.poll(async () => (await mine()).status).toBe(200)
    for (const way of [path, `${path}/result`]) {
      const stranger = await send(front, { path: way })
      expect([stranger.status, stranger.headers['x-cache']]).toEqual([401, 'MISS'])
    }
    const quoted = () => send(front, { method: 'POST', path: '/l402/quote/make', body: {} })
    expect([(await quoted()).headers['x-cache'], (await quoted()).headers['x-cache']]).toEqual(['MISS', 'MISS'])
  })
})
