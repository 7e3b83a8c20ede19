import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { type Payment, payFor } from './buyer.ts'
import { TestClock } from './clock.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { look, sendAsync, untilJob } from './jobs.ts'
import { aRequest, makeShop } from './shop.ts'
import { type Answer, openUpstream, type ReceivedCall, type TestUpstream } from './upstream.ts'

/** An upstream that takes requests at POST and tells of them at `/jobs/<id>`. */
export interface JobUpstream extends TestUpstream {
  /** The work it has taken, by id. */
  readonly work: Map<string, Work>
  /** How it answers a question; by default as the work stands. */
  onPoll: ((work: Work | undefined, call: ReceivedCall) => Answer | undefined) | undefined
  readonly begun: () => ReceivedCall[]
  readonly polls: () => ReceivedCall[]
}

export interface Work {
  readonly id: string
  state: string
  /** What it answers besides. */
  answer: Record<string, unknown>
}

export async function openJobUpstream(): Promise<JobUpstream> {
  const work = new Map<string, Work>()
  const upstream = await openUpstream((call, outgoing, incoming) => {
    const reply = (status: number, value: unknown) => {
      outgoing.writeHead(status, { 'content-type': 'application/json' })
      outgoing.end(JSON.stringify(value))
    }
    if (call.method === 'POST') {
      const id = randomUUID()
      work.set(id, { id, state: 'queued', answer: {} })
      return reply(202, { job: { id }, position: 1 })
    }
    const [, id = ''] = /^\/jobs\/([^/?]+)$/.exec(call.url) ?? []
    if (call.url.startsWith('/jobs/')) {
      const found = work.get(id)
      const other = opened.onPoll?.(found, call)
      if (other) return other(call, outgoing, incoming)
      return found ? reply(200, { status: found.state, ...found.answer }) : reply(404, {})
    }
    if (call.url.startsWith('/files/')) {
      outgoing.writeHead(200, { 'content-type': 'video/mp4', 'x-file': call.url })
      return void outgoing.end(`file ${call.url}`)
    }
    return reply(404, {})
  })
  const opened: JobUpstream = Object.assign(upstream, {
    work,
    onPoll: undefined,
    begun: () => upstream.calls.filter(({ method }) => method === 'POST'),
    polls: () => upstream.calls.filter(({ url }) => url.startsWith('/jobs/')),
  })
  return opened
}

/** The only work it has. */
export function theWork({ work }: JobUpstream): Work {
  const [first, ...others] = work.values()
  if (!first || others.length > 0) throw new Error(`${work.size} works`)
  return first
}

export function finish(upstream: JobUpstream, state = 'done', answer: Record<string, unknown> = {}): void {
  Object.assign(theWork(upstream), { state, answer })
}

/** The lines of a service for it, asked often. @param result where its result is */
export const jobLines = (result = '{ field: output }', more = ''): string =>
  `upstream_job: { id: job.id, poll: { url: "/jobs/{id}", every: 10ms }, state: { field: status, done: [done], failed: [failed] }, result: ${result}${more} }`

export interface Begun extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly payment: Payment
  readonly path: string
  readonly clock: TestClock
}

/** A job that the upstream has taken and is asked about. */
export async function begin(upstream: JobUpstream, lines: string | readonly string[] = jobLines()): Promise<Begun> {
  const clock = new TestClock(Date.now())
  const gateway = await openGateway({ config: makeShop(upstream.url, lines), clock })
  const payment = await payFor(gateway, aRequest)
  const path = await sendAsync(gateway, aRequest, payment)
  await expect.poll(() => upstream.polls().length).toBeGreaterThan(0)
  return { gateway, payment, path, clock, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() }
}

export async function resultOf({ gateway, path, payment }: Begun) {
  await untilJob(gateway, path, payment, 'succeeded')
  return await look(gateway, `${path}/result`, payment)
}
