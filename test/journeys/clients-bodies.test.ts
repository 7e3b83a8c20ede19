import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Answered, payFor, type Sent, send } from '../support/buyer.ts'
import { sharedShop } from '../support/clients-shop.ts'

const sells = (upstream: string) => `
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

const shop = sharedShop(sells)

const text = JSON.stringify({ prompt: 'a cat' })
const json = { 'content-type': 'application/json' }
const request: Sent = { path: '/make', method: 'POST', body: text, headers: json }

interface Written {
  readonly headers: Record<string, string>
  /** Written apart, each as a chunk unless the length is given. */
  readonly pieces: readonly string[]
  /** Waits for the interim answer before it sends the body, as curl does above 1 MB. */
  readonly expectsContinue?: boolean
}

/** A request written as no library does it for us. */
function write(url: string, { headers, pieces, expectsContinue = false }: Written) {
  return new Promise<{ status: number; continued: boolean; code: string | undefined }>((resolve, reject) => {
    let continued = false
    const call = httpRequest(`${url}/make`, {
      method: 'POST',
      headers: { ...headers, ...(expectsContinue && { expect: '100-continue' }) },
      agent: false,
    })
    const sendBody = () => {
      for (const piece of pieces) call.write(piece)
      call.end()
    }
    call.on('error', reject)
    call.on('continue', () => {
      continued = true
      sendBody()
    })
    call.on('response', (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const code = /"code":"(\w+)"/.exec(body)?.[1]
        resolve({ status: answer.statusCode ?? 0, continued, code })
      })
    })
    if (expectsContinue) call.flushHeaders()
    else sendBody()
  })
}

test('a body sent in chunks is the body that was bought with its length given', async () => {
  const { authorization } = await payFor(shop.gateway, request)
  const pieces = [text.slice(0, 5), text.slice(5)]
  const headers = { ...json, 'transfer-encoding': 'chunked', ...authorization }
  expect(await write(shop.gateway.url, { headers, pieces })).toMatchObject({ status: 200 })
})

test('a client that waits for 100 Continue is challenged for its body, not for none, and served', async () => {
  const headers = { ...json, 'content-length': String(text.length) }
  const challenged = await write(shop.gateway.url, { headers, pieces: [text], expectsContinue: true })
  expect(challenged).toEqual({ status: 402, continued: true, code: 'payment_required' })
  const { authorization } = await payFor(shop.gateway, request)
  const paid = { headers: { ...headers, ...authorization }, pieces: [text], expectsContinue: true }
  expect(await write(shop.gateway.url, paid)).toMatchObject({ status: 200, continued: true })
})

test('a retry with an empty body (a generator that is used up) is told so, and pays no more', async () => {
  const { authorization } = await payFor(shop.gateway, request)
  const empty = await send(shop.gateway, { ...request, body: '', headers: { ...json, ...authorization } })
  expect([empty.status, empty.json().code]).toEqual([409, 'request_mismatch'])
  expect(empty.headers['www-authenticate']).toBeUndefined()
  const whole = await send(shop.gateway, { ...request, headers: { ...json, ...authorization } })
  expect(whole.status).toBe(200)
})

test('a POST without any body is bought and served as such', async () => {
  const nothing: Sent = { path: '/make', method: 'POST' }
  const { authorization } = await payFor(shop.gateway, nothing)
  expect((await send(shop.gateway, { ...nothing, headers: authorization })).status).toBe(200)
  expect(shop.upstream.calls.at(-1)?.body).toHaveLength(0)
})

test('a compressed body is refused before anything is sold', async () => {
  const asked = shop.gateway.wallet.asked.length
  const headers = { ...json, 'content-encoding': 'gzip' }
  const answer: Answered = await send(shop.gateway, { ...request, body: gzipSync(text), headers })
  expect([answer.status, answer.json().code]).toEqual([415, 'unsupported_media_type'])
  expect(shop.gateway.wallet.asked).toHaveLength(asked)
})

test('of two open challenges the first, the second or both can be paid', async () => {
  const payments = [await payFor(shop.gateway, request), await payFor(shop.gateway, request)]
  expect(new Set(payments.map(({ paymentHash }) => paymentHash)).size).toBe(2)
  for (const { authorization } of payments) {
    const answer = await send(shop.gateway, { ...request, headers: { ...json, ...authorization } })
    expect([answer.status, answer.headers['l402-payment']]).toEqual([200, 'spent'])
  }
})
