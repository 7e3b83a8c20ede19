import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { startDemo } from './call.ts'

const main = fileURLToPath(new URL('../../src/demo/main.ts', import.meta.url))

async function readListening(child: ChildProcess): Promise<string> {
  let output = ''
  for await (const chunk of child.stdout ?? []) {
    output += String(chunk)
    if (output.includes('\n')) break
  }
  expect(output).toMatch(/^\{"listening":"127\.0\.0\.1:\d+"\}\n$/)
  return (JSON.parse(output) as { listening: string }).listening
}

const isServing = (address: string) =>
  fetch(`http://${address}/healthz`).then(
    (response) => response.ok,
    () => false,
  )

describe('the process of the sample services', () => {
  test('prints one line with its address, and exits with 0 when its parent closes the IPC channel', async () => {
    const child = fork(main, ['--listen', '127.0.0.1:0'], { silent: true })
    expect(await isServing(await readListening(child))).toBe(true)
    const exited = once(child, 'exit')
    child.disconnect()
    expect(await exited).toEqual([0, null])
  })

  test('ends when its parent is killed', async () => {
    const script = `
      const child = require('node:child_process').fork(${JSON.stringify(main)}, ['--listen', '127.0.0.1:0'], { silent: true })
      child.stdout.pipe(process.stdout)
    `
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const address = await readListening(parent)
    expect(await isServing(address)).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(() => isServing(address), { timeout: 5000 }).toBe(false)
  })

  test.for(['SIGTERM', 'SIGINT'] as const)('exits with 0 on %s, even with work at hand', async (signal) => {
    const child = spawn(process.execPath, [main, '--listen', '127.0.0.1:0', '--voice-delay-ms', '60000'])
    const address = await readListening(child)
    const call = fetch(`http://${address}/voice-clone`, {
      method: 'POST',
      body: '{"voice_file":"https://example.com/a.mp3"}',
    })
    const outcome = call.catch((error: unknown) => error)
    await expect.poll(async () => (await fetch(`http://${address}/__log`)).text()).toContain('voice-clone')
    const exited = once(child, 'exit')
    child.kill(signal)
    expect(await exited).toEqual([0, null])
    expect(await outcome).toBeInstanceOf(Error)
  })

  test('ends with its standard input when told so, and outlives it otherwise', async () => {
    const told = spawn(process.execPath, [main, '--listen', '127.0.0.1:0', '--exit-with-stdin'])
    const untold = spawn(process.execPath, [main, '--listen', '127.0.0.1:0'])
    const [, address] = [await readListening(told), await readListening(untold)]
    const exited = once(told, 'exit')
    told.stdin.end()
    untold.stdin.end()
    expect(await exited).toEqual([0, null])
    expect(await isServing(address)).toBe(true)
    const untoldExited = once(untold, 'exit')
    untold.kill()
    await untoldExited
  })

  test('says in one line that its port is taken, and exits with 3', async () => {
    await using demo = await startDemo()
    const { host } = new URL(demo.base)
    const { code, stderr } = await runToEnd(['--listen', host])
    expect(code).toBe(3)
    expect(stderr).toBe(
      `turnpike demo services: ${host} is taken by another process; choose another address with --listen\n`,
    )
  })

  test.for([
    [['--listen', 'nowhere'], 2, '--listen must be host:port'],
    [['--voice-delay-ms', 'soon'], 2, '--voice-delay-ms must be a whole number'],
    [['--unknown'], 2, "Unknown option '--unknown'"],
    [['--listen', '127.0.0.1:99999'], 1, 'cannot listen on 127.0.0.1:99999'],
  ] as const)('explains %j and exits with %i', async ([args, code, message]) => {
    const ended = await runToEnd(args)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain(message)
  })
})

async function runToEnd(args: readonly string[]): Promise<{ readonly code: unknown; readonly stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [unknown]
  return { code, stderr }
}
