import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fetch } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, root, startTurnpike, temporaryDirectory, turnpike, until } from './run.ts'

const isServing = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  )

describe('turnpike demo', { timeout: 20_000 }, () => {
  const directory = temporaryDirectory()
  let child: ChildProcessWithoutNullStreams
  let said = ''
  let services = ''

  /** The example with its services elsewhere, so that the test takes no fixed port. */
  beforeAll(async () => {
    const port = await freePort()
    services = `http://127.0.0.1:${port}`
    const example = readFileSync(join(root, 'gateway.yaml.example'), 'utf8')
    const config = example
      .replaceAll('127.0.0.1:9000', `127.0.0.1:${port}`)
      .replaceAll('config/schemas', `${root}/config/schemas`)
    writeFileSync(join(directory.path, 'gateway.yaml'), config)
    const places = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--data', join(directory.path, 'data')]
    const voice = ['--voice-delay-ms', '2500']
    child = startTurnpike(['demo', '--config', join(directory.path, 'gateway.yaml'), ...places, ...voice])
    said = await until(child.stdout, /Ctrl-C stops everything\.\n/)
  }, 20_000)

  afterAll(() => {
    child.kill('SIGKILL')
    directory[Symbol.dispose]()
  })

  test('says where everything runs, and what is sold for how much', async () => {
    const place = (name: string) => new RegExp(`^  ${name} +(http://127\\.0\\.0\\.1:[0-9]+)`, 'm').exec(said)?.[1]
    expect((await fetch(`${place('operator')}/readyz`)).status).toBe(200)
    expect(place('services')).toBe(services)
    const sold = [...said.matchAll(/^ {2}POST (\S+)\n {7}(.*)$/gm)].map(([, url, price]) => [url, price])
    expect(sold).toEqual([
      [`${place('gateway')}/api/l402/voice-clone`, '7500 sats'],
      [`${place('gateway')}/api/l402/generate-music`, '300 sats'],
      [`${place('gateway')}/api/l402/music`, '200 sats'],
      [`${place('gateway')}/api/l402/generate-text`, 'budget: 1 sat / 1000 chars, at least 4 sats'],
      [`${place('gateway')}/api/l402/generate-video`, 'standard false: 300 sats per second'],
    ])
  })

  test('the curl lines that it prints are one complete purchase', async () => {
    const lines = said.split('\n').filter((line) => /^ {2}(?:[A-Z]+=|curl )/.test(line))
    expect(lines).toHaveLength(6)
    const shell = spawn('bash', ['-c', lines.join('\n')], { env: { PATH: process.env.PATH } })
    const answer = await text(shell.stdout)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer.toLowerCase()).toContain('\nl402-payment: spent\r\n')
    const [, body = ''] = answer.split('\r\n\r\n')
    expect(body.length).toBeGreaterThan(100)
  })

  test('the command that it prints is one complete purchase too', async () => {
    const line = /npx turnpike (buy POST .*)/.exec(said)?.[1] ?? ''
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    const { code, stdout } = await turnpike(words)
    expect(code).toBe(0)
    const { videoUrl } = JSON.parse(stdout) as { videoUrl: string }
    const video = await fetch(videoUrl)
    expect([video.status, (await video.arrayBuffer()).byteLength > 1000]).toEqual([200, true])
  })

  test('the command that it prints for work that fails is not charged for', async () => {
    const line = /npx turnpike (buy POST .*\[fail\].*)/.exec(said)?.[1] ?? ''
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    const { code, stdout, stderr } = await turnpike(words)
    expect([code, stdout]).toEqual([6, ''])
    expect(stderr).toContain('Price: 300 sats')
    expect(stderr).toMatch(/Not delivered, not charged/)
    const operator = /^ {2}operator +(\S+)/m.exec(said)?.[1]
    const metrics = await (await fetch(`${operator}/metrics`)).text()
    expect(metrics).toMatch(
      /^turnpike_holds_ended_total\{service="api-l402-generate-music",end="cancelled",reason="failed"\} 1$/m,
    )
    expect(metrics).toMatch(
      /^turnpike_holds_ended_total\{service="api-l402-generate-text",end="settled",reason="result"\} 1$/m,
    )
    expect(metrics).not.toMatch(/^turnpike_holds_accepted_total\{service="api-l402-generate-video"/m)
  })

  test('the command that it prints for long work asks for it until it is done', async () => {
    const line = /npx turnpike (buy POST .* --async .*)/.exec(said)?.[1] ?? ''
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '')
    const { code, stdout, stderr } = await turnpike(words)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ success: true, voice_id: expect.any(String) })
    expect(stderr).toContain('Taken as a job')
    expect(stderr).toContain('The job is running')
  })

  // The last one: it ends what the others use.
  test('Ctrl-C leaves nothing running', async () => {
    const urls = [services, ...said.matchAll(/http:\/\/127\.0\.0\.1:[0-9]+/g)].map(String)
    expect(await Promise.all([...new Set(urls)].map(isServing))).not.toContain(false)
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    expect(await Promise.all([...new Set(urls)].map(isServing))).not.toContain(true)
  })
})

test('a demo whose services cannot start says why and ends', { timeout: 20_000 }, async () => {
  using directory = temporaryDirectory()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  const place = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const file = join(directory.path, 'gateway.yaml')
  writeFileSync(file, `services:\n  /x: { upstream: "http://${place}", price: { flat: 1 } }\n`)
  const places = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--data', join(directory.path, 'data')]
  const { code, stdout, stderr } = await turnpike(['demo', '--config', file, ...places])
  other.close()
  expect([code, stdout]).toEqual([3, ''])
  expect(stderr).toContain(`${place} is taken by another process`)
  expect(stderr).toContain(`the sample services could not start on ${place}`)
  expect(stderr).not.toMatch(/^\s+at /m)
})
