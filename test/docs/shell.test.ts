import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, startTurnpike, temporaryDirectory, until } from '../cli/run.ts'
import { type Block, blocksOf, root } from './blocks.ts'

/**
 * The command lines of the README, run as they stand there but for the ports, in a directory that looks like a
 * checkout. What installs, builds an image or goes on for ever is not run here.
 */
const notRunHere = /npm ci|docker|npm start/
const readme = blocksOf('sh').filter(({ place }) => place.startsWith('README.md'))
const runnable = readme.filter(({ text: lines }) => !notRunHere.test(lines))

interface Ran {
  readonly code: number | null
  readonly stdout: string
}

describe('the command lines of the README', { timeout: 30_000 }, () => {
  const directory = temporaryDirectory()
  let demo: ChildProcessWithoutNullStreams
  let ports: readonly (readonly [string, string])[] = []

  beforeAll(async () => {
    for (const name of ['config', 'docs', 'README.md', 'gateway.yaml.example', 'package.json', 'bin', 'src'])
      cpSync(join(root, name), join(directory.path, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(directory.path, 'node_modules'))
    ports = await Promise.all(['8402', '8403', '9000'].map(async (port) => [port, String(await freePort())] as const))
    const example = join(directory.path, 'gateway.yaml.example')
    writeFileSync(example, withPorts(readFileSync(example, 'utf8')))
    mkdirSync(join(directory.path, 'data'))
    demo = startTurnpike(['demo', '--config', example, '--data', join(directory.path, 'data')])
    await until(demo.stdout, /Ctrl-C stops everything\.\n/)
  }, 30_000)

  afterAll(() => {
    demo.kill('SIGKILL')
    directory[Symbol.dispose]()
  })

  const withPorts = (lines: string): string =>
    ports.reduce((changed, [from, to]) => changed.replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`), lines)

  async function run({ text: lines }: Pick<Block, 'text'>): Promise<Ran> {
    const admin = withPorts('--dev-wallet http://127.0.0.1:8403')
    const node = `"${process.execPath}" "${join(root, 'bin/turnpike.js')}"`
    const npx = `npx() { shift; if [ "$1" = buy ]; then ${node} "$@" ${admin}; else ${node} "$@"; fi; }\n`
    const shell = spawn('bash', ['-ec', npx + withPorts(lines)], {
      cwd: directory.path,
      env: { PATH: process.env.PATH },
    })
    const [stdout, [code]] = await Promise.all([text(shell.stdout), once(shell, 'close') as Promise<[number | null]>])
    return { code, stdout }
  }

  const find = (part: string): Block => {
    const block = readme.find(({ text: lines }) => lines.includes(part))
    if (!block) throw new Error(`the README has no block with ${part}`)
    return block
  }

  test('buy a text', async () => {
    const { code, stdout } = await run(find('turnpike buy POST'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/bird/i)
  })

  test('are asked to pay for a video', async () => {
    const { stdout } = await run(find('curl -i -X POST'))
    expect(stdout).toMatch(/^HTTP\/1\.1 402 Payment Required\r\n/)
    expect(stdout).toMatch(
      /^www-authenticate: L402 macaroon="AgEE[^"]+", invoice="lnbcrt22500n1[^"]+", version="0", token="AgEE/im,
    )
    expect(stdout).toMatch(/^l402-payment: required\r$/im)
  })

  test('copy the example and check it', async () => {
    const lines = find('cp gateway.yaml.example').text.replace('npm start\n', '')
    const { code, stdout } = await run({ text: lines })
    expect(code).toBe(0)
    expect(stdout).toContain('/api/l402/generate-video')
  })

  test('are all of them run by a test', () => {
    const known = ['turnpike buy POST', 'curl -i -X POST']
    expect(runnable.filter(({ text: lines }) => !known.some((part) => lines.includes(part)))).toEqual([])
  })
})
