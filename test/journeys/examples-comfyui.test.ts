import { beforeEach, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { TestClock } from '../support/clock.ts'
import { documentOf, look, sendAsync, untilJob } from '../support/jobs.ts'
import { idle } from '../support/shop.ts'
import { picture } from '../support/stand-ins.ts'
import { makeComfyUi } from '../support/stand-ins-comfyui.ts'
import { expectNoCredential, openShop, sats } from '../support/stand-ins-shop.ts'

describe('comfyui.yaml', { timeout: 20_000 }, () => {
  const clock = new TestClock()
  const comfy = makeComfyUi()
  const open = openShop('comfyui.yaml', 'http://127.0.0.1:8188', comfy.answer, { clock })
  beforeEach(() => {
    comfy.queue.clear()
    comfy.outcome = 'success'
  })

  const draw = (text: string, sampler: object = {}, more: object = {}): Sent => ({
    path: '/images',
    body: { prompt: { 3: { inputs: { seed: 7, ...sampler } }, 6: { inputs: { text } }, ...more } },
  })

  test('a picture is asked for, made and fetched: queue, history, view', async () => {
    const shop = open()
    const request = draw('a cat on the moon')
    const payment = await payFor(shop.gateway, request)
    expect(payment.amountMsat).toBe(20_000)
    const path = await sendAsync(shop.gateway, request, payment)
    await untilJob(shop.gateway, path, payment, 'succeeded')
    const answer = await look(shop.gateway, `${path}/result`, payment)
    expect([answer.status, answer.headers['content-type'], answer.bytes]).toEqual([200, 'image/png', picture])
    const [id] = comfy.queue.keys()
    expect(shop.upstream.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /prompt',
      `GET /history/${id}`,
      `GET /history/${id}`,
      `GET /history/${id}`,
      `GET /view?filename=turnpike_${id}.png&subfolder=&type=output`,
    ])
    for (const call of shop.upstream.calls) expectNoCredential(call)
    const [workflow] = comfy.queue.values()
    expect(workflow?.[3]?.inputs).toMatchObject({ seed: 7, steps: 20, sampler_name: 'euler' })
    expect(workflow?.[6]?.inputs.text).toBe('a cat on the moon')
  })

  test('a buyer may wait for it too', async () => {
    const shop = open()
    const request = draw('a cat')
    const answer = await send(shop.gateway, paid(request, await payFor(shop.gateway, request)))
    expect([answer.status, answer.bytes, answer.headers['l402-payment']]).toEqual([200, picture, 'spent'])
  })

  test.each([
    [{}, 20],
    [{ steps: 1 }, 10],
    [{ steps: 60 }, 60],
  ])('%j costs %i sats', async (sampler, price) => {
    expect(await sats(open().gateway, draw('a cat', sampler))).toBe(price)
  })

  test.each([
    ['too many steps', draw('a cat', { steps: 61 })],
    ['no seed', draw('a cat', { seed: undefined })],
    ['no text', draw('')],
    ['another model', draw('a cat', {}, { 4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'x' } } })],
    [
      'another place for the picture',
      draw('a cat', {}, { 9: { class_type: 'SaveImage', inputs: { filename_prefix: '../x', images: ['8', 0] } } }),
    ],
    ['a node of their own', draw('a cat', {}, { 10: { class_type: 'LoadImage', inputs: { image: 'x' } } })],
    ['a batch', draw('a cat', {}, { 5: { inputs: { batch_size: 64 } } })],
  ])('%s is refused, and no invoice is made', async (_what, request) => {
    const shop = open()
    expect((await send(shop.gateway, request)).status).toBe(400)
    expect(shop.gateway.wallet.asked).toEqual([])
  })

  test('work that fails is told, and the same payment makes the next try', async () => {
    const shop = open()
    comfy.outcome = 'error'
    const request = draw('a dog')
    const payment = await payFor(shop.gateway, request)
    const path = await sendAsync(shop.gateway, request, payment)
    await idle(shop.gateway)
    expect(documentOf(await look(shop.gateway, path, payment))).toMatchObject({
      state: 'queued',
      error: { code: 'upstream_failed' },
      payment: { status: 'unspent' },
    })
    comfy.outcome = 'success'
    clock.advance(60_000)
    await untilJob(shop.gateway, path, payment, 'succeeded')
    expect(comfy.queue.size).toBe(2)
  })
})
