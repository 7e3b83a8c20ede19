import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerWith } from '../../support/answers.ts'
import { paid, payFor, send } from '../../support/buyer.ts'
import { openGateway } from '../../support/gateway.ts'
import { look } from '../../support/jobs.ts'
import { aRequest, idle, makeShop, rowIn } from '../../support/shop.ts'
import { openUpstream, type TestUpstream } from '../../support/upstream.ts'
import { begin, finish, type JobUpstream, jobLines, openJobUpstream, resultOf } from '../../support/upstream-jobs.ts'

let upstream: JobUpstream
let elsewhere: TestUpstream
beforeEach(async () => {
  upstream = await openJobUpstream()
  elsewhere = await openUpstream(answerWith(200, 'elsewhere', { 'content-type': 'image/png' }))
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  await elsewhere[Symbol.asyncDispose]()
})

describe('the result of an asynchronous upstream', () => {
  const image = randomBytes(300)
  const places: readonly (readonly [string, string, Record<string, unknown>, string | Buffer, string])[] = [
    [
      'is a field of the last answer',
      '{ field: output }',
      { output: { text: 'made' } },
      '{"text":"made"}',
      'application/json',
    ],
    [
      'is a field deep in it',
      '{ field: outputs.*.text, as: text }',
      { outputs: { 3: {}, 9: { text: 'made' } } },
      'made',
      'text/plain; charset=utf-8',
    ],
    [
      'is base64 in it',
      '{ field: image, as: base64, content_type: image/png }',
      { image: image.toString('base64') },
      image,
      'image/png',
    ],
    [
      'is a data URI in it',
      '{ field: image, as: base64, content_type: image/png }',
      { image: `data:image/png;base64,${image.toString('base64')}` },
      image,
      'image/png',
    ],
    [
      'is at a URL with fields in it',
      '{ url: "/files/{out.0.name}?of={id}" }',
      { out: [{ name: 'a b/ü?.mp4' }] },
      /^file \/files\/a%20b%2F%C3%BC%3F\.mp4\?of=[0-9a-f-]{36}$/ as unknown as string,
      'video/mp4',
    ],
    ['is at a path that is in it', '{ url: "{out}" }', { out: '/files/7?x=1' }, 'file /files/7?x=1', 'video/mp4'],
  ]
  test.for(places)('%s', async ([, result, answer, expected, contentType]) => {
    await using begun = await begin(upstream, jobLines(result))
    finish(upstream, 'done', answer)
    const made = await resultOf(begun)
    expect([made.status, made.headers['content-type'], made.headers['l402-payment']]).toEqual([
      200,
      contentType,
      'spent',
    ])
    if (typeof expected === 'string') expect(made.text).toBe(expected)
    else if (Buffer.isBuffer(expected)) expect(made.bytes.equals(expected)).toBe(true)
    else expect(made.text).toMatch(expected)
    expect(upstream.begun()).toHaveLength(1)
  })

  test('is the last answer itself where nothing else is said', async () => {
    await using begun = await begin(upstream, jobLines('').replace(', result: ', ''))
    finish(upstream, 'done', { text: 'made' })
    expect((await resultOf(begun)).json()).toEqual({ status: 'done', text: 'made' })
  })

  test('is waited for by a buyer who does not ask for a job', async () => {
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()) })
    const payment = await payFor(gateway, aRequest)
    setTimeout(() => finish(upstream, 'done', { output: 'made' }), 200)
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.text, answer.headers['l402-payment']]).toEqual([200, '"made"', 'spent'])
  })

  test('may be at another place that is named, which is not told the operator’s headers', async () => {
    const lines = [jobLines('{ url: "{out}" }', `, origins: ["${elsewhere.url}"]`), 'headers: { X-Key: secret }']
    await using begun = await begin(upstream, lines)
    finish(upstream, 'done', { out: `${elsewhere.url}/a.png?b=1` })
    expect((await resultOf(begun)).text).toBe('elsewhere')
    expect(elsewhere.calls.map(({ url, headers }) => [url, headers['x-key'], headers.authorization])).toEqual([
      ['/a.png?b=1', undefined, undefined],
    ])
    expect(upstream.calls.every(({ headers }) => headers['x-key'] === 'secret')).toBe(true)
    expect(upstream.polls().every(({ headers }) => headers['content-type'] === undefined)).toBe(true)
  })

  test.for(['http://127.0.0.1:1/', 'file:///etc/passwd', '//127.0.0.1:1/x', 'http://user:pass@HOST/a', 7])(
    'is not looked for at %s',
    async (out) => {
      await using begun = await begin(upstream, jobLines('{ url: "{out}" }', ', origins: ["http://localhost:1"]'))
      const { host } = new URL(upstream.url)
      finish(upstream, 'done', { out: typeof out === 'string' ? out.replace('HOST', host) : { no: out } })
      await idle(begun.gateway)
      expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
        job: { state: 'retryable', lastCode: 'result_mismatch', attempts: 1, generation: 1 },
      })
    },
  )

  test('that is not what the service promises is no result, and is made anew', async () => {
    const lines = [jobLines(), 'result: { schema: { type: object, required: [url] } }']
    await using begun = await begin(upstream, lines)
    finish(upstream, 'done', { output: { error: 'out of memory' } })
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { lastCode: 'result_mismatch', generation: 1 },
    })
    begun.clock.advance(60_000)
    upstream.work.clear()
    await look(begun.gateway, begun.path, begun.payment)
    await expect.poll(() => upstream.work.size).toBe(1)
    finish(upstream, 'done', { output: { url: 'x' } })
    expect((await resultOf(begun)).json()).toEqual({ url: 'x' })
    const keys = upstream.begun().map(({ headers }) => headers['idempotency-key'])
    expect([keys.length, new Set(keys).size]).toEqual([2, 2])
  })

  test('that is too large is none', async () => {
    await using begun = await begin(upstream, [jobLines(), 'result: { max_bytes: 1kB }'])
    finish(upstream, 'done', { output: 'x'.repeat(900), more: 'x'.repeat(900) })
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({ job: { lastCode: 'result_too_large' } })
  })

  test('that becomes too large as it is read is none', async () => {
    await using begun = await begin(upstream, [jobLines(), 'result: { max_bytes: 1kB }'])
    const numbers = Array.from({ length: 150 }, () => '1e20').join()
    upstream.onPoll = () => answerWith(200, `{"status":"done","output":[${numbers}]}`)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({ job: { lastCode: 'result_too_large' } })
  })

  test('that cannot be fetched is fetched again, and not made again', async () => {
    await using begun = await begin(upstream, jobLines('{ url: "/files/{id}" }'))
    const { answer } = upstream
    upstream.answer = (call, ...rest) =>
      call.url.startsWith('/files/') ? answerWith(503)(call, ...rest) : answer(call, ...rest)
    finish(upstream)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_busy', attempts: 0, generation: 0 },
    })
    upstream.answer = answer
    begun.clock.advance(60_000)
    expect((await resultOf(begun)).text).toMatch(/^file/)
    expect(upstream.begun()).toHaveLength(1)
  })

  test.for([
    [404, 1, 2],
    [403, 0, 1],
  ])('answered by %i at its place is no refusal of the request', async ([status, generation, begins]) => {
    await using begun = await begin(upstream, jobLines('{ url: "/files/{id}" }'))
    const { answer } = upstream
    upstream.answer = (call, ...rest) =>
      call.url.startsWith('/files/') ? answerWith(status ?? 0)(call, ...rest) : answer(call, ...rest)
    finish(upstream)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_answer_refused', attempts: 1, generation },
    })
    upstream.answer = answer
    begun.clock.advance(60_000)
    await look(begun.gateway, begun.path, begun.payment)
    await expect.poll(() => upstream.begun().length).toBe(begins)
    for (const work of upstream.work.values()) work.state = 'done'
    await resultOf(begun)
  })
})
