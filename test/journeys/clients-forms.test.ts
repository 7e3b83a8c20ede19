import { expect, test } from 'vitest'
import { npmClients } from '../support/clients-npm.ts'
import { Payer } from '../support/clients-payer.ts'
import { sharedShop } from '../support/clients-shop.ts'
import { openWiretap } from '../support/clients-wiretap.ts'
import type { ReceivedCall } from '../support/upstream.ts'

/** One passes forms on as they come, the other reads them and prices a field. */
const sells = (upstream: string) => `
services:
  /read:
    name: read
    upstream: ${upstream}
    price: { flat: 3 }
  /speak:
    name: speak
    upstream: ${upstream}
    price: { per_char: { of: text, rate: 1 } }
    request: { content_type: multipart/form-data }
`

const shop = sharedShop(sells)

/** Bytes that look like the lines around a part. */
const voice = new Uint8Array([0, 13, 10, 45, 45, 13, 10, 255])

function makeForm(): FormData {
  const form = new FormData()
  form.set('text', 'hello')
  form.set('voice', new Blob([voice], { type: 'audio/mpeg' }), 'voice.mp3')
  return form
}

/** What the upstream was sent, read by a parser that is not ours. */
async function read({ headers, body }: ReceivedCall): Promise<{ text: unknown; voice: Uint8Array | undefined }> {
  const form = await new Response(new Uint8Array(body), {
    headers: { 'content-type': headers['content-type'] ?? '' },
  }).formData()
  const file = form.get('voice')
  return {
    text: form.get('text'),
    voice: file instanceof File ? new Uint8Array(await file.arrayBuffer()) : undefined,
  }
}

test.for(npmClients)('$name sends a form with a new boundary once it has paid, and is served', async ({ open }) => {
  const { upstream, gateway } = shop
  const callsBefore = upstream.calls.length
  await using tap = await openWiretap(gateway.url)
  const payer = new Payer(() => gateway)
  const buy = open(payer.pay)
  for (const path of ['/read', '/speak']) {
    tap.forget()
    const answer = await buy({ url: tap.url + path, body: makeForm() })
    expect([answer.status, tap.statuses()]).toEqual([200, [402, 200]])
    const [first, second] = tap.heard.map(({ contentType }) => contentType)
    expect(first).toMatch(/^multipart\/form-data; boundary=/)
    expect(second).not.toBe(first)
  }
  expect(payer.paid).toHaveLength(2)
  expect(await Promise.all(upstream.calls.slice(callsBefore).map(read))).toEqual([
    { text: 'hello', voice },
    { text: 'hello', voice },
  ])
})
