import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fetch } from 'undici'
import { describe, expect, test } from 'vitest'
import { serve } from '#src/cli/serve.ts'
import { freePort, root, startTurnpike, temporaryDirectory, turnpike, until } from './run.ts'

const config = `
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
services:
  /make: { upstream: "http://127.0.0.1:9", price: { flat: 7 } }
`

describe('turnpike serve', () => {
  test('is what `npm start` runs, and without a configuration says how to begin', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { start: string } }
    expect(scripts.start).toBe('node bin/turnpike.js serve')
    using directory = temporaryDirectory()
    const { code, stdout, stderr } = await turnpike(['serve'], { cwd: directory.path })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('cp gateway.yaml.example gateway.yaml')
    expect(stderr).toContain('npx turnpike demo-services')
  })

  test('serves until SIGINT, and then ends with 0', async () => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'gateway.yaml'), config)
    const child = startTurnpike(['serve'], { cwd: directory.path })
    const said = await until(child.stderr, /development wallet is in use.*\n/)
    const [, url = '', adminUrl = ''] = /sells 1 service on (\S+); operator on (\S+)\./.exec(said) ?? []
    expect((await fetch(`${url}/make`)).status).toBe(402)
    expect((await fetch(`${adminUrl}/readyz`)).status).toBe(200)
    const ended = once(child, 'exit')
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    await expect(fetch(`${url}/make`)).rejects.toThrow('fetch failed')
  })

  test('--listen, --admin and --data stand above the file; SIGTERM ends it too', async () => {
    using directory = temporaryDirectory()
    const [port, adminPort] = [await freePort(), await freePort()]
    writeFileSync(join(directory.path, 'gateway.yaml'), config.replace(':0', ':1').replace(':0', ':2'))
    const places = ['--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`, '--data', 'elsewhere']
    const child = startTurnpike(['serve', ...places], { cwd: directory.path })
    const said = await until(child.stderr, /operator on/)
    expect(said).toContain(`on http://127.0.0.1:${port}; operator on http://127.0.0.1:${adminPort}.`)
    expect(readFileSync(join(directory.path, 'elsewhere/keys'), 'utf8')).not.toBe('')
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  test.each([
    ['--listen', '8402', 2, '--listen 8402: write host and port, such as 127.0.0.1:8402'],
    ['--admin', 'localhost', 2, '--admin localhost: write host and port, such as 127.0.0.1:8402'],
    ['--listen', '0.0.0.0:0', 4, expect.stringContaining('--allow-public-dev-wallet') as string],
    ['--config', 'no-such.yaml', 2, expect.stringContaining('no-such.yaml:1:1  cannot be read') as string],
  ])('%s %s is refused with what to write', async (flag, value, exitCode, message) => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'gateway.yaml')
    writeFileSync(file, config)
    await expect(serve(['--config', file, flag, value])).rejects.toMatchObject({ exitCode, message })
  })

  test('an address that is in use is named', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'gateway.yaml')
    writeFileSync(file, config)
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const place = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
    await expect(serve(['--config', file, '--listen', place])).rejects.toMatchObject({
      exitCode: 3,
      message: `${place} is in use by another program; choose another address or stop it`,
    })
    other.close()
  })
})
