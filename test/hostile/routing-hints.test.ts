import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { tally } from './support/tally.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  GET /thing: { name: look, upstream: "${upstream.url}", price: free }
  POST /thing: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  GET /paid: { name: paid, upstream: "${upstream.url}", price: { flat: 7 } }
  GET free.example/paid: { name: elsewhere, upstream: "${upstream.url}/free", price: free }
  GET /livez: { name: alive, upstream: "${upstream.url}", price: { flat: 7 } }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** What other gateways have taken for the place that a request goes to, or for a reason not to ask for payment. */
const hints: readonly (readonly [string, Record<string, string>])[] = [
  ...[
    'X-Forwarded-Uri',
    'X-Original-URL',
    'X-Original-URI',
    'X-Rewrite-URL',
    'X-Forwarded-Path',
    'X-Forwarded-Prefix',
    'X-Envoy-Original-Path',
    'X-Auth-Request-Redirect',
    'Content-Location',
    'Destination',
    'Referer',
  ].map((name) => [name, { [name]: '/thing' }] as const),
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Forwarded-Method', 'X-Original-Method'].map(
    (name) => [name, { [name]: 'GET' }] as const,
  ),
  ...['X-Forwarded-Host', 'X-Host', 'X-Original-Host', 'X-Forwarded-Server', 'X-HTTP-Host-Override'].map(
    (name) => [name, { [name]: 'free.example' }] as const,
  ),
  ['Forwarded', { Forwarded: 'for=127.0.0.1;host=free.example;proto=https' }],
  ...[
    'kube-probe/1.31',
    'GoogleHC/1.0',
    'ELB-HealthChecker/2.0',
    'Amazon-Route53-Health-Check-Service',
    'HealthCheck/1.0',
    'Consul Health Check',
    'Prometheus/3.0',
    'curl/8 (turnpike healthcheck)',
  ].map((agent) => [agent, { 'User-Agent': agent }] as const),
  ...['X-Forwarded-For', 'X-Real-IP', 'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP'].map(
    (name) => [name, { [name]: '127.0.0.1' }] as const,
  ),
  ['an account', { 'X-Auth-Request-User': 'admin', 'X-Forwarded-User': 'admin', 'X-Auth-User': 'admin' }],
  ['an internal call', { 'X-Internal': '1', 'X-Middleware-Subrequest': 'middleware:middleware', Via: '1.1 turnpike' }],
]

const paid: readonly Sent[] = [
  { method: 'POST', path: '/thing', body: {} },
  { path: '/paid' },
  { path: '/livez' },
  { path: '/paid?x=/thing' },
  { path: '/paid?/thing' },
  { path: '/paid?x=http://free.example/paid' },
  { path: '/paid?_method=GET&path=/thing' },
]

describe('what a request says of itself does not make it free', () => {
  test.for(hints)('%s', async ([, headers], context) => {
    tally(context, { kind: 'forged headers', tried: paid.length })
    const answers = await Promise.all(paid.map((request) => send(gateway, { ...request, headers })))
    expect(answers.map(({ status }) => status)).toEqual(paid.map(() => 402))
    expect(upstream.calls).toEqual([])
  })
})

test('nor does it make the upstream take a free request for another one', async (context) => {
  const free: Sent = { path: '/thing?x=/paid' }
  for (const [, headers] of hints) {
    const dearer = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        value === 'GET' ? 'POST' : value.replace('/thing', '/paid'),
      ]),
    )
    expect((await send(gateway, { ...free, headers: dearer })).status).toBe(200)
  }
  tally(context, { kind: 'forged headers', tried: hints.length })
  expect(upstream.calls).toHaveLength(hints.length)
  const known = ['host', 'connection', 'user-agent', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']
  for (const { method, url, headers } of upstream.calls) {
    expect([method, url]).toEqual(['GET', '/thing?x=/paid'])
    expect(Object.keys(headers).filter((name) => ![...known, 'x-request-id'].includes(name))).toEqual([])
    expect(headers['x-forwarded-host']).toBe(new URL(gateway.url).host)
  }
})
