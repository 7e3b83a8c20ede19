import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parseChallenge } from '#src/client/parse-challenge.ts'
import { startDemoServices } from '#src/demo/services.ts'
import { openExampleGateway } from '../../support/example-gateway.ts'
import type { TestGateway } from '../../support/gateway.ts'
import { openRelay } from './relay.ts'
import { documentedOrigin, type Endpoint, seedCommands } from './seed-commands.ts'

const execute = promisify(execFile)

/** Runs a shell command. @returns its output, each byte as one character */
async function shell(command: string): Promise<string> {
  const options = { encoding: 'latin1', maxBuffer: 2 ** 26, env: { PATH: '/usr/bin:/bin', NO_PROXY: '*' } } as const
  const { stdout } = await execute('/bin/sh', ['-c', command], options)
  return stdout
}

const curl = (...args: readonly string[]) => shell(['curl', '-sS', ...args].map((each) => `'${each}'`).join(' '))

/** Follows the document: asks with its first command, pays, and fills the proof into its second one. */
async function buyAsDocumented(gateway: TestGateway, endpoint: Endpoint): Promise<string> {
  const { ask, redeem } = seedCommands[endpoint]
  const asked = await shell(ask.replace(documentedOrigin, gateway.url))
  expect(asked).toMatch(/^HTTP\/1\.1 402 Payment Required\r\n/)
  const header = /^www-authenticate: (.*)\r$/im.exec(asked)?.[1] ?? ''
  expect(header).toMatch(/^L402 macaroon="[^"]+", invoice="lnbcrt[^"]+"/)
  const challenge = parseChallenge(header)
  const preimage = await gateway.wallet.pay(challenge?.invoice ?? '')
  const [macaroonMark = '', preimageMark = ''] = redeem.match(/<YOUR_[A-Z_]+>/g) ?? []
  return await shell(
    redeem
      .replace(documentedOrigin, gateway.url)
      .replace(macaroonMark, challenge?.token ?? '')
      .replace(preimageMark, preimage),
  )
}

test('the documented commands buy from the sample services, and what they made can be downloaded in pieces', async () => {
  await using relay = await openRelay()
  await using gateway = await openExampleGateway(relay.url)
  await using services = await startDemoServices({ publicBase: `${gateway.url}/media`, voiceDelayMs: 0 })
  relay.target = services.address
  const buy = async (endpoint: Endpoint) =>
    JSON.parse(await buyAsDocumented(gateway, endpoint)) as Record<string, string>

  const voice = await buy('voice-clone')
  expect(voice).toMatchObject({ success: true, model: 'speech-02-turbo', voice_id: expect.stringMatching(/^\w+$/) })
  const text = await buyAsDocumented(gateway, 'generate-text')
  expect(text).toMatch(/\w+ \w+/)
  expect(text).not.toContain('{')

  const files = [
    { url: (await buy('generate-music')).audioUrl ?? '', magic: 'RIFF', type: 'audio/wav' },
    { url: (await buy('music')).audioUrl ?? '', magic: 'RIFF', type: 'audio/wav' },
    { url: (await buy('generate-video')).videoUrl ?? '', magic: 'GIF8', type: 'image/gif' },
  ]
  const asked = gateway.wallet.asked.length
  for (const { url, magic, type } of files) {
    expect(url.startsWith(`${gateway.url}/media/`)).toBe(true)
    const whole = await curl(url)
    expect([whole.slice(0, 4), whole.length > 10_000]).toEqual([magic, true])
    const [head = '', ...rest] = (await curl('-i', '-r', '100-299', url)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 206 /)
    expect(head.toLowerCase()).toContain(`content-range: bytes 100-299/${whole.length}`)
    expect(head.toLowerCase()).toContain(`content-type: ${type}`)
    expect(rest.join('\r\n\r\n')).toBe(whole.slice(100, 300))
    expect(await curl('-r', '-50', url)).toBe(whole.slice(-50))
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', '-r', `${whole.length}-`, url)).toBe('416')
    const asHead = await curl('-I', url)
    expect(asHead.toLowerCase()).toContain(`content-length: ${whole.length}`)
  }
  expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${gateway.url}/media/none.wav`)).toBe('404')
  expect(gateway.wallet.asked).toHaveLength(asked)
})
