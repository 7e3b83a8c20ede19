import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../cli/run.ts'
import { payFor } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { documentOf } from '../support/jobs.ts'
import { openUpstream } from '../support/upstream.ts'

/** The configuration and the commands of docs/async.md are one purchase. */

const page = readFileSync(join(import.meta.dirname, '../../docs/async.md'), 'utf8')
const blocksOf = (language: string) =>
  [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, name, text = '']) => (name === language ? [text] : []))

test('what docs/async.md shows works as it stands', { timeout: 20_000 }, async () => {
  const [config = '', ...others] = blocksOf('yaml')
  const [commands = '', ...more] = blocksOf('sh')
  expect([others, more]).toEqual([[], []])
  await using files = await openUpstream((call, outgoing) => void outgoing.end(`the file ${call.url}`))
  let polls = 0
  await using upstream = await openUpstream((call, outgoing) => {
    outgoing.writeHead(call.method === 'POST' ? 202 : 200, { 'content-type': 'application/json' })
    if (call.method === 'POST') return void outgoing.end('{"job":{"id":"a/1"}}')
    const done = call.url === '/jobs/a%2F1' && ++polls > 2
    outgoing.end(
      JSON.stringify(done ? { status: 'succeeded', output: [{ url: `${files.url}/7` }] } : { status: 'busy' }),
    )
  })
  const here = config
    .replace('http://127.0.0.1:9000', upstream.url)
    .replace('https://cdn.example.com', files.url)
    .replace('every: 2s', 'every: 50ms')
  await using gateway = await openGateway({ config: here })
  const payment = await payFor(gateway, { path: '/make', body: { prompt: 'a cat' } })
  using directory = temporaryDirectory()
  const shell = spawn('bash', ['-e', '-c', commands], {
    cwd: directory.path,
    env: { PATH: process.env.PATH, BASE: gateway.url, CREDENTIAL: payment.authorization.authorization },
  })
  expect(await once(shell, 'close')).toEqual([0, null])
  const read = (name: string) => readFileSync(join(directory.path, name), 'utf8')
  const status = documentOf({ json: () => JSON.parse(read('status.json')) } as Parameters<typeof documentOf>[0])
  expect(status).toMatchObject({ state: 'succeeded', payment: { status: 'spent' } })
  expect([read('result'), read('part')]).toEqual(['the file /7', 'the '])
  expect(upstream.calls.filter(({ method }) => method === 'POST').map(({ url }) => url)).toEqual(['/jobs'])
})
