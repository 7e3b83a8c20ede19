import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerWith, inTurn, raw } from '../../support/answers.ts'
import { paid, payFor, send } from '../../support/buyer.ts'
import { openGateway } from '../../support/gateway.ts'
import { documentOf, look } from '../../support/jobs.ts'
import { aRequest, idle, makeShop, rowIn } from '../../support/shop.ts'
import {
  begin,
  finish,
  type JobUpstream,
  jobLines,
  openJobUpstream,
  resultOf,
  theWork,
} from '../../support/upstream-jobs.ts'

let upstream: JobUpstream
beforeEach(async () => {
  upstream = await openJobUpstream()
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
})

describe('work that fails', () => {
  test('as the upstream says is counted, and begun anew by the next look', async () => {
    await using begun = await begin(upstream, [jobLines(), 'attempts: 2'])
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
    await using begun = await begin(upstream)
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
    await using begun = await begin(upstream, [jobLines(), 'timeout: 2m'])
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
    await using begun = await begin(upstream, [jobLines(), 'timeout: 2m'])
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
    await using begun = await begin(upstream)
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
    await using begun = await begin(upstream)
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
    await using begun = await begin(upstream)
    await expect.poll(() => times.length, { timeout: 15_000 }).toBe(2)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950)
    expect((await rowIn(begun.gateway, begun.payment))?.job.state).toBe('running')
  })

  test('come less often as time goes by, where that is wanted', async () => {
    await using begun = await begin(upstream, jobLines().replace('every: 10ms', 'every: 10ms, up_to: 10s'))
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(upstream.polls().length).toBeLessThan(12)
    expect((await rowIn(begun.gateway, begun.payment))?.job.state).toBe('running')
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
