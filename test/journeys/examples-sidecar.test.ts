import { readdirSync } from 'node:fs'
import { fetch } from 'undici'
import { describe, expect, test } from 'vitest'
import { paid, payFor, send } from '../support/buyer.ts'
import { examplesDirectory } from '../support/stand-ins.ts'
import { expectNoCredential, openShop } from '../support/stand-ins-shop.ts'

describe('sidecar.yaml', () => {
  const open = openShop('sidecar.yaml', 'http://127.0.0.1:8080')

  test('a call passes byte for byte at one price', async () => {
    const shop = open()
    const request = {
      method: 'POST',
      path: '/v1/summaries?style=short&style=plain',
      headers: { 'content-type': 'text/plain; charset=iso-8859-1' },
      body: Buffer.from([0x63, 0xe9, 0x20, 0x7b]),
    }
    const payment = await payFor(shop.gateway, request)
    expect(payment.amountMsat).toBe(5000)
    expect((await send(shop.gateway, paid(request, payment))).status).toBe(200)
    const [call] = shop.upstream.calls
    expect(call).toMatchObject({ method: 'POST', url: request.path, body: request.body })
    expect(call?.headers['content-type']).toBe('text/plain; charset=iso-8859-1')
    expectNoCredential(call)
  })

  test('the more specific key decides, fills in its default and counts its characters', async () => {
    const shop = open()
    const request = { path: '/v1/translations', body: { text: 'ü'.repeat(301) } }
    const payment = await payFor(shop.gateway, request)
    expect(payment.amountMsat).toBe(7000)
    expect((await send(shop.gateway, paid(request, payment))).status).toBe(200)
    expect(JSON.parse(String(shop.upstream.calls[0]?.body))).toEqual({ ...request.body, to: 'en' })
  })

  test('the status is free, and what has no key is not reached', async () => {
    const shop = open()
    expect((await send(shop.gateway, { path: '/status' })).status).toBe(200)
    expect((await send(shop.gateway, { path: '/internal' })).status).toBe(404)
    expect(shop.upstream.calls.map(({ url }) => url)).toEqual(['/status'])
  })

  test('the health listener answers probes, and nothing else', async () => {
    const shop = open()
    const { healthUrl } = shop.gateway.running
    const status = async (path: string, method = 'GET') => (await fetch(`${healthUrl}${path}`, { method })).status
    expect(await status('/livez')).toBe(200)
    expect(await status('/readyz')).toBe(200)
    expect(await status('/metrics')).toBe(200)
    expect(await status('/dev/pay', 'POST')).toBe(404)
    expect(await status('/v1/summaries', 'POST')).toBe(404)
  })

  test('nothing is written beside the data', async () => {
    const shop = open()
    const before = readdirSync(examplesDirectory, { recursive: true })
    const request = { path: '/v1/summaries', body: { text: 'a' } }
    await send(shop.gateway, paid(request, await payFor(shop.gateway, request)))
    expect(readdirSync(examplesDirectory, { recursive: true })).toEqual(before)
    expect(readdirSync(shop.gateway.dataDir).length).toBeGreaterThan(0)
  })
})
