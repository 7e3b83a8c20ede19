import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../cli/run.ts'
import { hang } from '../../support/answers.ts'
import { type Payment, paid, payFor, send } from '../../support/buyer.ts'
import { TestClock } from '../../support/clock.ts'
import { openGateway } from '../../support/gateway.ts'
import { look, sendAsync, untilJob } from '../../support/jobs.ts'
import { beginRequest } from '../../support/open-request.ts'
import { startServe } from '../../support/serve.ts'
import { aRequest, makeShop, rowIn } from '../../support/shop.ts'
import type { TestUpstream } from '../../support/upstream.ts'
import { finish, type JobUpstream, jobLines, openJobUpstream, theWork } from '../../support/upstream-jobs.ts'

/** A configuration that processes serve one after the other. */
async function makeSetting(upstream: TestUpstream, lines: string) {
  const [port, adminPort] = [await freePort(), await freePort()]
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-jobs-'))
  const file = join(directory, 'gateway.yaml')
  writeFileSync(file, `data: ./data\n${makeShop(upstream.url, lines)}`)
  return {
    at: { file, url: `http://127.0.0.1:${port}`, adminUrl: `http://127.0.0.1:${adminPort}` },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

interface Stage {
  readonly lines: string
  /** Before the job is begun. */
  readonly prepare?: (upstream: JobUpstream) => void
  /** Resolves when the process is to be killed. */
  readonly reached: (upstream: JobUpstream, done: () => Promise<boolean>) => Promise<void>
  /** Before the process is started again. */
  readonly mend: (upstream: JobUpstream) => void
  readonly begins: number
  readonly expected: RegExp
}

const url = jobLines('{ url: "/files/{id}" }')
const plain = (upstream: JobUpstream): void => {
  upstream.answer = (_call, outgoing) => void outgoing.end('made')
}
/** Answers nothing at these places. */
function silence(upstream: JobUpstream, isSilent: (url: string, method: string) => boolean): () => void {
  const { answer } = upstream
  upstream.answer = (call, ...rest) => (isSilent(call.url, call.method) ? hang(call, ...rest) : answer(call, ...rest))
  return () => {
    upstream.answer = answer
  }
}

let speak: () => void = () => undefined
const stages: readonly (readonly [string, Stage])[] = [
  [
    'while an ordinary upstream works',
    {
      lines: '',
      prepare: (upstream) => silence(upstream, () => true),
      reached: async ({ calls }) => expect.poll(() => calls.length).toBe(1),
      mend: plain,
      begins: 2,
      expected: /^made$/,
    },
  ],
  [
    'before the upstream says what the work is called',
    {
      lines: url,
      prepare: (upstream) => {
        speak = silence(upstream, (_url, method) => method === 'POST')
      },
      reached: async ({ calls }) => expect.poll(() => calls.length).toBe(1),
      mend: () => speak(),
      begins: 2,
      expected: /^file/,
    },
  ],
  [
    'before the first question is answered',
    {
      lines: url,
      prepare: (upstream) => {
        speak = silence(upstream, (path) => path.startsWith('/jobs/'))
      },
      reached: async (upstream) => expect.poll(() => upstream.polls().length).toBe(1),
      mend: () => speak(),
      begins: 1,
      expected: /^file/,
    },
  ],
  [
    'while the work goes on',
    {
      lines: url,
      reached: async (upstream) => expect.poll(() => upstream.polls().length).toBeGreaterThan(3),
      mend: (upstream) => finish(upstream),
      begins: 1,
      expected: /^file/,
    },
  ],
  [
    'while the result is fetched',
    {
      lines: url,
      prepare: (upstream) => {
        speak = silence(upstream, (path) => path.startsWith('/files/'))
      },
      reached: async (upstream) => {
        await expect.poll(() => upstream.work.size).toBe(1)
        finish(upstream)
        await expect.poll(() => upstream.calls.some(({ url: path }) => path.startsWith('/files/'))).toBe(true)
      },
      mend: () => speak(),
      begins: 1,
      expected: /^file/,
    },
  ],
  [
    'once the result is stored',
    {
      lines: url,
      reached: async (upstream, done) => {
        await expect.poll(() => upstream.work.size).toBe(1)
        finish(upstream)
        await expect.poll(done).toBe(true)
      },
      mend: (upstream) => {
        upstream.answer = hang
      },
      begins: 1,
      expected: /^file/,
    },
  ],
]

describe('a process that is killed', { timeout: 40_000 }, () => {
  test.for(stages)('%s: the next look takes the job up', async ([, stage]) => {
    await using upstream = await openJobUpstream()
    stage.prepare?.(upstream)
    using setting = await makeSetting(upstream, stage.lines)
    await using first = await startServe(setting.at)
    const payment = await payFor(first, aRequest)
    const path = await sendAsync(first, aRequest, payment)
    const state = async () => (await look(first, path, payment)).json() as unknown as { state: string }
    await stage.reached(upstream, async () => (await state()).state === 'succeeded')
    await first.kill('SIGKILL')
    stage.mend(upstream)

    await using second = await startServe(setting.at)
    await look(second, path, payment)
    await expect.poll(() => upstream.begun().length).toBe(stage.begins)
    for (const work of upstream.work.values()) work.state = 'done'
    await untilJob(second, path, payment, 'succeeded')
    const result = await look(second, `${path}/result`, payment)
    expect([result.status, result.headers['l402-payment']]).toEqual([200, 'spent'])
    expect(result.text).toMatch(stage.expected)
    expect(upstream.begun()).toHaveLength(stage.begins)
    // What may have been begun twice was told to be the same.
    expect(new Set(upstream.begun().map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
    const again = await look(second, `${path}/result`, payment)
    expect([again.bytes.equals(result.bytes), again.headers['idempotent-replayed']]).toEqual([true, 'true'])
  })
})

describe('a gateway that is restarted while an upstream works', () => {
  test('does not wait for it, and who waited gets the result with the same payment', async () => {
    await using upstream = await openJobUpstream()
    const gateway = await openGateway({ config: makeShop(upstream.url, jobLines()) })
    const payment = await payFor(gateway, aRequest)
    const waiting = beginRequest(gateway, paid(aRequest, payment))
    await expect.poll(() => upstream.polls().length).toBeGreaterThan(1)
    const begun = performance.now()
    await using next = await gateway.restart()
    expect(performance.now() - begun).toBeLessThan(5_000)
    const told = await waiting.answered
    expect([told.status, told.headers['l402-payment'], told.headers['retry-after']]).toEqual([503, 'unspent', '2'])
    expect(await rowIn(next, payment)).toMatchObject({ job: { state: 'retryable', attempts: 0, failures: 0 } })
    const polls = upstream.polls().length
    setTimeout(() => finish(upstream, 'done', { output: 'made' }), 100)
    const answer = await send(next, paid(aRequest, payment))
    expect([answer.status, answer.text]).toEqual([200, '"made"'])
    expect(upstream.polls().length).toBeGreaterThan(polls)
    expect(upstream.begun()).toHaveLength(1)
  })

  test('gives it at least a minute after being away for longer than it may take', async () => {
    const clock = new TestClock(Date.now())
    await using upstream = await openJobUpstream()
    const lines = [jobLines(), 'timeout: 10m']
    const gateway = await openGateway({ config: makeShop(upstream.url, lines), clock })
    const payment = await payFor(gateway, aRequest)
    const path = await sendAsync(gateway, aRequest, payment)
    await expect.poll(() => upstream.polls().length).toBeGreaterThan(1)
    clock.step(3_600_000)
    await using next = await gateway.restart()
    await look(next, path, payment)
    const polls = upstream.polls().length
    await expect.poll(() => upstream.polls().length).toBeGreaterThan(polls + 2)
    expect((await rowIn(next, payment))?.job.state).toBe('running')
    clock.advance(60_000)
    await expect.poll(async () => (await rowIn(next, payment))?.job.state).toBe('retryable')
    expect(await rowIn(next, payment)).toMatchObject({ job: { lastCode: 'upstream_timeout', generation: 1 } })
  })
})

/** Everything below the data directory, and the log. */
function everything(dataDir: string, log: readonly string[]): string {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const texts = files
    .filter(({ name }) => name.startsWith('ledger'))
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)).toString('latin1'))
  expect(texts.length).toBeGreaterThan(0)
  return [...texts, ...log].join('\n')
}

test('neither ledger nor log tells what was asked for, how the upstream calls it, or what came of it', async () => {
  await using upstream = await openJobUpstream()
  const request = { ...aRequest, body: { prompt: 'canary-prompt' }, headers: { 'user-agent': 'canary-agent' } }
  const config = makeShop(upstream.url, jobLines())
  await using gateway = await openGateway({ config, logLevel: 'trace' })
  const payment: Payment = await payFor(gateway, request)
  const path = await sendAsync(gateway, request, payment)
  await expect.poll(() => upstream.polls().length).toBeGreaterThan(1)
  const { id } = theWork(upstream)
  const { ledger } = gateway.running.context
  expect((await ledger.sealedRequest(payment.paymentHash))?.length).toBeGreaterThan(100)
  const canaries = ['canary', id, payment.preimage, payment.token, 'made by night']
  const seen = (text: string) => canaries.filter((canary) => text.includes(canary))
  expect(seen(everything(gateway.dataDir, gateway.log))).toEqual([])
  finish(upstream, 'done', { output: 'made by night' })
  await untilJob(gateway, path, payment, 'succeeded')
  await look(gateway, `${path}/result`, payment)
  expect(seen(everything(gateway.dataDir, gateway.log))).toEqual([])
  // What is not needed any more is not kept either.
  expect(await ledger.sealedRequest(payment.paymentHash)).toBeUndefined()
})
