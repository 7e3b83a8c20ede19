import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A server that is not ours. Python and nginx say `reached=<names of priced handlers>` in the body of every answer; PHP and
 * Sinatra say in JSON which method they take the request for, and what they find of priced fields in which way.
 */
export interface ForeignUpstream extends AsyncDisposable {
  readonly url: string
}

const runs = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0
export const hasPython = runs('python3', '--version')
export const hasNginx = runs('nginx', '-v')

export const hasPhp = runs('php', '--version')
export const hasSinatra = runs(
  'ruby',
  '-e',
  'require "sinatra/base"; require "puma"; require "puma/server"; Puma::Events.null',
)

export const openPython = (): Promise<ForeignUpstream> => openScript('python3', 'python-upstream.py')
export const openSinatra = (): Promise<ForeignUpstream> => openScript('ruby', 'sinatra-upstream.rb')

/** One that writes its port first. */
async function openScript(command: string, name: string): Promise<ForeignUpstream> {
  const child = spawn(command, [script(name)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
  })
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => stop(child) }
}

export async function openPhp(): Promise<ForeignUpstream> {
  const port = await freePort()
  const child = spawn('php', ['-S', `127.0.0.1:${port}`, script('php-upstream.php')], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await answering(url)
  return { url, [Symbol.asyncDispose]: () => stop(child) }
}

const script = (name: string): string => new URL(name, import.meta.url).pathname

/** nginx decodes, merges slashes and resolves dots before it compares. */
export async function openNginx(): Promise<ForeignUpstream> {
  const dir = mkdtempSync(join(tmpdir(), 'turnpike-nginx-'))
  const port = await freePort()
  const sold = [
    ['= /v1/make', 'make'],
    ['= /v1/cheap', 'cheap'],
    ['~* ^/v1/img/[^/]+$', 'img'],
    ['~* ^/v1/models/[^/]+/run/?$', 'run'],
    ['~* ^/v1/models@make\\(it\\)$', 'models'],
    ['~* ^/v1/(make|cheap)[/.\\ ]*$', 'make'],
  ]
  const locations = sold.map(
    ([location, name]) => `location ${location?.replace(/(~\* )(.*)/, '$1"$2"')} { return 200 "reached=${name}"; }`,
  )
  const config = `
daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error.log crit;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f;
  uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s; keepalive_requests 100000;
  server {
    listen 127.0.0.1:${port};
    ${locations.join('\n    ')}
    location / { return 200 "reached="; }
  }
}
`
  writeFileSync(join(dir, 'nginx.conf'), config)
  const child = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf')], { stdio: 'inherit' })
  const url = `http://127.0.0.1:${port}`
  await answering(url)
  return {
    url,
    async [Symbol.asyncDispose]() {
      await stop(child)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answered = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (answered) return
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}
