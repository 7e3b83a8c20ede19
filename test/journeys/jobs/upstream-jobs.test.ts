import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerWith, inTurn, raw } from '../../support/answers.ts'
import { type Payment, paid, payFor, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { openGateway, type TestGateway } from '../../support/gateway.ts'
import { documentOf, look, sendAsync, untilJob } from '../../support/jobs.ts'
import { aRequest, idle, makeShop, rowIn } from '../../support/shop.ts'
import { openUpstream, type TestUpstream } from '../../support/upstream.ts'
import { finish, type JobUpstream, jobLines, openJobUpstream, theWork } from '../../support/upstream-jobs.ts'

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

interface Begun extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly payment: Payment
  readonly path: string
  readonly clock: TestClock
}

/** A job that the upstream has taken and is asked about. */
async function begin(lines: string | readonly string[] = jobLines()): Promise<Begun> {
  const clock = new TestClock(Date.now())
  const gateway = await openGateway({ config: makeShop(upstream.url, lines), clock })
  const payment = await payFor(gateway, aRequest)
  const path = await sendAsync(gateway, aRequest, payment)
  await expect.poll(() => upstream.polls().length).toBeGreaterThan(0)
  return { gateway, payment, path, clock, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

async function resultOf({ gateway, path, payment }: Begun) {
  await untilJob(gateway, path, payment, 'succeeded')
  return await look(gateway, `${path}/result`, payment)
}

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
    await using begun = await begin(jobLines(result))
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
    await using begun = await begin(jobLines('').replace(', result: ', ''))
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
    await using begun = await begin(lines)
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
      await using begun = await begin(jobLines('{ url: "{out}" }', ', origins: ["http://localhost:1"]'))
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
    await using begun = await begin(lines)
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
    await using begun = await begin([jobLines(), 'result: { max_bytes: 1kB }'])
    finish(upstream, 'done', { output: 'x'.repeat(900), more: 'x'.repeat(900) })
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({ job: { lastCode: 'result_too_large' } })
  })

  test('that cannot be fetched is fetched again, and not made again', async () => {
    await using begun = await begin(jobLines('{ url: "/files/{id}" }'))
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
    await using begun = await begin(jobLines('{ url: "/files/{id}" }'))
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

describe('work that fails', () => {
  test('as the upstream says is counted, and begun anew by the next look', async () => {
    await using begun = await begin([jobLines(), 'attempts: 2'])
    finish(upstream, 'failed')
    await idle(begun.gateway)
    const status = await look(begun.gateway, begun.path, begun.payment)
    expect(status.json()).toMatchObject({
      state: 'queued',
      error: { code: 'upstream_failed' },
      payment: { status: 'unspent', action: 'retry_same_token' },
    })
    begun.clock.advance(60_000)
    upstream.work.clear()
    await look(begun.gateway, begun.path, begun.payment)
    await expect.poll(() => upstream.begun().length).toBe(2)
    finish(upstream, 'failed')
    await idle(begun.gateway)
    expect(documentOf(await look(begun.gateway, begun.path, begun.payment))).toMatchObject({
      state: 'failed',
      error: { code: 'given_up' },
      payment: { status: 'refundable' },
    })
  })

  test('because the upstream has lost it is counted, and begun anew', async () => {
    await using begun = await begin()
    upstream.work.clear()
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_failed', attempts: 1, generation: 1 },
    })
    begun.clock.advance(60_000)
    await look(begun.gateway, begun.path, begun.payment)
    await expect.poll(() => upstream.begun().length).toBe(2)
    finish(upstream, 'done', { output: 1 })
    await resultOf(begun)
  })

  test('because it takes too long is counted, and begun anew', async () => {
    await using begun = await begin([jobLines(), 'timeout: 2m'])
    begun.clock.advance(119_000)
    const polls = upstream.polls().length
    await expect.poll(() => upstream.polls().length).toBeGreaterThan(polls + 2)
    expect((await rowIn(begun.gateway, begun.payment))?.job.state).toBe('running')
    begun.clock.advance(1_000)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_timeout', attempts: 1, generation: 1 },
    })
  })

  test('because nobody can be asked in time is not begun anew', async () => {
    await using begun = await begin([jobLines(), 'timeout: 2m'])
    upstream.onPoll = () => answerWith(503)
    const polls = upstream.polls().length
    await expect.poll(() => upstream.polls().length).toBeGreaterThan(polls + 2)
    begun.clock.advance(120_000)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_busy', attempts: 0, generation: 0 },
    })
    upstream.onPoll = undefined
    finish(upstream, 'done', { output: 1 })
    begun.clock.advance(60_000)
    await resultOf(begun)
    expect(upstream.begun()).toHaveLength(1)
  })

  test.for([401, 403, 302])('because the question is answered by %i is not begun anew', async (status) => {
    await using begun = await begin()
    upstream.onPoll = () => answerWith(status)
    await idle(begun.gateway)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({
      job: { state: 'retryable', lastCode: 'upstream_answer_refused', attempts: 1, generation: 0 },
    })
  })
})

describe('questions', () => {
  test.for([
    ['a 500', answerWith(500)],
    ['a 429', answerWith(429, '', { 'retry-after': '0' })],
    ['what is no JSON', answerWith(200, 'wait')],
    ['a state that is not known', answerWith(200, '{"status":"warming up"}')],
    ['no state', answerWith(200, '{}')],
    ['a broken connection', raw('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{', 'reset')],
  ] as const)('are asked again after %s', async ([, answer]) => {
    await using begun = await begin()
    let times = 3
    upstream.onPoll = () => (times-- > 0 ? answer : undefined)
    await expect.poll(() => times).toBeLessThan(0)
    finish(upstream, 'done', { output: 1 })
    await resultOf(begun)
    expect(upstream.begun()).toHaveLength(1)
    expect(await rowIn(begun.gateway, begun.payment)).toMatchObject({ job: { attempts: 0, failures: 0 } })
  })

  test('wait as long as the upstream asks', async () => {
    const times: number[] = []
    upstream.onPoll = () => {
      times.push(performance.now())
      return answerWith(200, '{}', { 'retry-after': '1' })
    }
    await using _begun = await begin()
    await expect.poll(() => times.length, { timeout: 5_000 }).toBe(2)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950)
  })

  test('come less often as time goes by, where that is wanted', async () => {
    await using _begun = await begin(jobLines().replace('every: 10ms', 'every: 10ms, up_to: 10s'))
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(upstream.polls().length).toBeLessThan(12)
  })
})

describe('a request that the upstream does not take', () => {
  test('is refused as by any other', async () => {
    upstream.answer = answerWith(422, '{"node_errors":{}}')
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()) })
    const payment = await payFor(gateway, aRequest)
    const answer = await send(gateway, paid(aRequest, payment))
    expect([answer.status, answer.text, answer.headers['l402-payment']]).toEqual([422, '{"node_errors":{}}', 'unspent'])
  })

  test.for([
    ['no id', answerWith(200, '{"job":{}}'), 'upstream_answer_refused', 1],
    ['an id with a space', answerWith(200, '{"job":{"id":"a b"}}'), 'upstream_answer_refused', 1],
    ['what is no JSON', answerWith(201, 'ok'), 'upstream_answer_refused', 1],
    ['more than an id can be', answerWith(200, 'x'.repeat(2 ** 20 + 1)), 'result_too_large', 0],
    ['a redirect', answerWith(303, '', { location: '/jobs/1' }), 'upstream_answer_refused', 1],
    ['a 503', answerWith(503), 'upstream_busy', 1],
    ['a cut answer', raw('HTTP/1.1 202 Accepted\r\nContent-Length: 90\r\n\r\n{"job"', 'end'), 'upstream_cut_short', 0],
  ] as const)('or answers with %s is a failure', async ([, answer, lastCode, generation]) => {
    upstream.answer = answer
    await using gateway = await openGateway({ config: makeShop(upstream.url, jobLines()) })
    const payment = await payFor(gateway, aRequest)
    await send(gateway, paid(aRequest, payment))
    expect(await rowIn(gateway, payment)).toMatchObject({ job: { state: 'retryable', lastCode, generation } })
  })

  test.for([
    ['a number', '{ id: job.id', 17],
    ['a header', '{ id: { header: X-Job }', 'a-1/2'],
    ['a place', '{ id: { header: Location }', '/jobs/x%20y?z=1'],
  ] as const)('takes %s for an id', async ([, written, id]) => {
    const taken = answerWith(200, JSON.stringify({ job: { id } }), { 'x-job': String(id), location: String(id) })
    upstream.answer = inTurn(taken, answerWith(200, '{"status":"done","output":1}'))
    const url = written.includes('Location') ? '"{id}"' : '"/jobs/{id}/x"'
    const lines = jobLines().replace('{ id: job.id', written).replace('"/jobs/{id}"', url)
    await using gateway = await openGateway({ config: makeShop(upstream.url, lines) })
    const payment = await payFor(gateway, aRequest)
    expect((await send(gateway, paid(aRequest, payment))).status).toBe(200)
    expect(upstream.calls[1]?.url).toBe(
      written.includes('Location') ? '/jobs/x%20y?z=1' : `/jobs/${encodeURIComponent(id)}/x`,
    )
  })
})

test('a 202 of an upstream that is not known to be asynchronous is no result', async () => {
  await using gateway = await openGateway({ config: makeShop(upstream.url) })
  const payment = await payFor(gateway, aRequest)
  const answer = await send(gateway, paid(aRequest, payment))
  expect([answer.status, answer.json().code]).toEqual([502, 'upstream_answer_refused'])
  expect(theWork(upstream)).toBeDefined()
})
