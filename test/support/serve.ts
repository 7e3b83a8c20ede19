import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** `turnpike serve` in a process of its own. */
export interface Served extends AsyncDisposable {
  readonly url: string
  readonly wallet: { pay(invoice: string): Promise<string> }
  /** @returns the exit code, if the signal left it one */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null>
}

export interface Place {
  readonly file: string
  readonly url: string
  readonly adminUrl: string
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** Starts it and resolves when it sells, or when it waits for another process. */
export async function startServe({ file, url, adminUrl }: Place, { waits = false } = {}): Promise<Served> {
  const addresses = ['--listen', new URL(url).host, '--admin', new URL(adminUrl).host]
  const child = spawn(process.execPath, [main, 'serve', '--config', file, ...addresses], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await said(child, waits ? /waiting for it to end/ : /Turnpike sells/)
  const kill = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }
  return {
    url,
    wallet: {
      async pay(invoice) {
        const answer = await fetch(`${adminUrl}/dev/pay`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ invoice }),
        })
        return ((await answer.json()) as { preimage: string }).preimage
      },
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill('SIGKILL')
    },
  }
}

/** Resolves when standard error has said it. */
function said(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stderr?.on('data', (data: Buffer) => {
      text += data.toString()
      if (what.test(text)) resolve()
    })
    child.once('exit', () => reject(new Error(`the process ended and said: ${text}`)))
  })
}
