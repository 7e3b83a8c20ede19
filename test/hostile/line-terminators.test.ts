import { afterAll, beforeAll, expect, test } from 'vitest'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { LineClient } from './support/line-client.ts'
import { tally } from './support/tally.ts'

/**
 * Routers that are made of regular expressions have skipped guards where a path had a line terminator in it, since `.`
 * does not match one.
 */

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  gateway = await openGateway({
    config: `
services:
  /v1/make: { name: make, upstream: "${upstream.url}", price: { flat: 7 } }
  /v1/img/:style: { name: img, upstream: "${upstream.url}", price: { flat: 7 } }
  /v1/models/:id/run: { name: run, upstream: "${upstream.url}", price: { flat: 7 } }
  /v1/files/*: { name: files, upstream: "${upstream.url}", price: { flat: 7 } }
  GET /pub/free: { name: free, upstream: "${upstream.url}", price: free }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const paths = ['/v1/make', '/v1/img/oil', '/v1/models/a/run', '/v1/files/a/b', '/pub/free']

/** As one writes them in Unicode, and what may become of them. */
const controls = ['%0A', '%0a', '%0D', '%0d', '%0D%0A', '%0d%0a', '%0B', '%0C', '%00', '%09']
const mistakes = ['%E2%80%a8', '%e2%80%a8', '%e2%80%a9', '%c2%85', '%85', '%250A', '%u2028', '%25E2%2580%25A8']
const raws = ['\n', '\r', '\u0085', '\u2028', '\u2029', '\u000b', '\u000c']
/** In their only spelling: letters like any other, which some parameter may hold. */
const letters = ['%E2%80%A8', '%E2%80%A9', '%C2%85']

/** The path with something at the beginning, in the middle and at the end of each of its segments. */
const everywhere = (path: string, text: string): string[] =>
  path
    .slice(1)
    .split('/')
    .flatMap((segment, index, all) =>
      [0, Math.ceil(segment.length / 2), segment.length].map(
        (at) => `/${all.with(index, segment.slice(0, at) + text + segment.slice(at)).join('/')}`,
      ),
    )

/** How each was answered. */
async function answersTo(targets: readonly string[]): Promise<{ readonly target: string; readonly status: number }[]> {
  using client = new LineClient(gateway.url)
  const answers: { target: string; status: number }[] = []
  for (const target of targets)
    for (const method of ['GET', 'HEAD']) {
      const bytes = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\n\r\n`)
      const { status } = await client.send(bytes.toString('latin1'))
      answers.push({ target, status })
    }
  return answers
}

test('a line terminator in any segment, encoded or not, is refused', async (context) => {
  const targets = paths.flatMap((path) => [...controls, ...mistakes, ...raws].flatMap((text) => everywhere(path, text)))
  expect((await answersTo(targets)).filter(({ status }) => status !== 400)).toEqual([])
  expect(upstream.calls).toEqual([])
  tally(context, { kind: 'paths', tried: 2 * targets.length })
})

test('a letter that some take for a line terminator leads to nothing that is not paid for', async (context) => {
  const targets = paths.flatMap((path) => letters.flatMap((text) => everywhere(path, text)))
  const statuses = (await answersTo(targets)).map(({ status }) => status)
  expect(new Set(statuses)).toEqual(new Set([402, 404]))
  expect(upstream.calls).toEqual([])
  tally(context, { kind: 'paths', tried: 2 * targets.length })
})
