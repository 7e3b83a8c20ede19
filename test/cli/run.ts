import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

export const root = join(import.meta.dirname, '../..')
export const turnpikeFile = join(root, 'bin/turnpike.js')

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Instead of the Node that runs the tests. */
  readonly node?: string
}

/** Runs `turnpike …` as a process of its own, to its end. */
export async function turnpike(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = startTurnpike(args, options)
  child.stdin.end(options.input ?? '')
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

export function startTurnpike(args: readonly string[], options: RunOptions = {}): ChildProcessWithoutNullStreams {
  return spawn(options.node ?? process.execPath, [turnpikeFile, ...args], {
    cwd: options.cwd ?? root,
    env: { PATH: process.env.PATH, ...options.environment },
  })
}

/** Everything a process says on one of its streams until it matches. */
export async function until(stream: Readable, wanted: RegExp): Promise<string> {
  let said = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    said += String(chunk)
    if (wanted.test(said)) return said
  }
  throw new Error(`it ended before it said ${wanted}: ${said}`)
}

export interface TemporaryDirectory extends Disposable {
  readonly path: string
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'turnpike-cli-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port of this machine that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}
