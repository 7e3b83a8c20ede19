import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { examplesDirectory, transcriptionServer } from '../support/stand-ins.ts'
import { expectNoCredential, openShop, sats } from '../support/stand-ins-shop.ts'

describe('whisper-upload.yaml', () => {
  const clock = new TestClock()
  const open = openShop('whisper-upload.yaml', 'http://127.0.0.1:9001', transcriptionServer, { clock })
  const beep = readFileSync(join(examplesDirectory, 'samples/beep.wav'))
  const silence = (bytes: number) => Buffer.alloc(bytes)

  /** A new boundary each time, as clients make it. */
  async function upload(content: Buffer, fields: Record<string, string> = {}, type = 'audio/wav'): Promise<Sent> {
    const form = new FormData()
    form.append('file', new Blob([new Uint8Array(content)], { type }), 'speech.wav')
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    const encoded = new Response(form)
    return {
      method: 'POST',
      path: '/v1/audio/transcriptions',
      headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
      body: new Uint8Array(await encoded.arrayBuffer()),
    }
  }

  test('a file is sent once more under another boundary, and arrives with the defaults', async () => {
    const shop = open()
    const payment = await payFor(shop.gateway, await upload(beep, { language: 'en' }))
    expect(payment.amountMsat).toBe(10_000)
    const answer = await send(shop.gateway, paid(await upload(beep, { language: 'en' }), payment))
    expect(answer.status).toBe(200)
    const [call, ...more] = shop.upstream.calls
    expect(more).toEqual([])
    expect(call?.url).toBe('/inference')
    expectNoCredential(call)
    const received = await new Response(new Uint8Array(call?.body ?? []), {
      headers: { 'content-type': call?.headers['content-type'] ?? '' },
    }).formData()
    const file = received.get('file') as File
    expect([file.name, file.type]).toEqual(['speech.wav', 'audio/wav'])
    expect(Buffer.from(await file.arrayBuffer()).equals(beep)).toBe(true)
    received.delete('file')
    expect(Object.fromEntries(received)).toEqual({
      language: 'en',
      model: 'whisper-1',
      response_format: 'json',
      temperature: '0',
    })
  })

  test.each([
    [1, 10],
    [320_000, 10],
    [320_001, 11],
    [640_000, 20],
  ])('%i bytes cost %i sats', async (bytes, price) => {
    const shop = open()
    expect(await sats(shop.gateway, await upload(silence(bytes)))).toBe(price)
  })

  test.each([
    ['a picture', () => upload(beep, {}, 'image/png'), 400],
    ['an empty file', () => upload(silence(0)), 400],
    ['a field of the wrong type', () => upload(beep, { temperature: 'hot' }), 400],
    ['an unknown field', () => upload(beep, { translate: 'true' }), 400],
    ['JSON', () => Promise.resolve({ path: '/v1/audio/transcriptions', body: { file: 'speech.wav' } }), 415],
    ['a file above 25 MiB', () => upload(silence(26_214_401)), 400],
  ])('%s is refused, and no invoice is made', async (_what, request, status) => {
    const shop = open()
    expect((await send(shop.gateway, await request())).status).toBe(status)
    expect(shop.gateway.wallet.asked).toEqual([])
  })

  test('an answer without a text is no result, and the same payment gets the next one', async () => {
    const shop = open()
    const request = await upload(beep)
    const payment = await payFor(shop.gateway, request)
    shop.upstream.answer = (_call, outgoing) => {
      outgoing.writeHead(200, { 'content-type': 'application/json' })
      outgoing.end('{"error":"out of memory"}')
    }
    const failed = await send(shop.gateway, paid(request, payment))
    expect([failed.status, failed.headers['l402-payment']]).toEqual([502, 'unspent'])
    shop.upstream.answer = transcriptionServer
    clock.advance(60_000)
    const answer = await send(shop.gateway, paid(request, payment))
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  })
})
