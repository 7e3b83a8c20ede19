import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lndTls, makeLndSubject } from '../support/wallets/lnd.ts'
import { bakedRights, bakeMacaroon } from '../support/wallets/lnd-macaroon.ts'
import { startTurnpike, temporaryDirectory, turnpike, until } from './run.ts'

interface Block {
  readonly address: string
  readonly macaroon: string
  readonly cert: string
  readonly network: string
}

/** Writes a configuration with lnd as wallet, certificate and macaroon as files. */
function writeConfig(directory: string, { address, macaroon, cert, network }: Block): void {
  writeFileSync(join(directory, 'tls.cert'), cert)
  writeFileSync(join(directory, 'turnpike.macaroon'), Buffer.from(macaroon, 'hex'))
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
lightning:
  wallet:
    name: main
    lnd: { address: "${address}", tls_cert_file: tls.cert, macaroon_file: turnpike.macaroon, network: ${network} }
services:
  /make: { upstream: "http://127.0.0.1:9", price: { flat: 7 } }
`,
  )
}

const stranger = bakeMacaroon(bakedRights)
const blind = bakeMacaroon(['info:read'])

describe('a gateway whose wallet is lnd', { timeout: 30_000 }, () => {
  const faults: readonly [what: string, change: Partial<Block>, sentence: RegExp][] = [
    ['the macaroon is of another node', { macaroon: stranger }, /refuses the macaroon: .*`lncli bakemacaroon .*`\./],
    ['the macaroon cannot make invoices', { macaroon: blind }, /lacks uri:.*AddInvoice.*`lncli bakemacaroon .*`\./],
    ['the certificate is of another node', { cert: lndTls().otherCert }, /another certificate.*copy its `tls\.cert`/],
    ['the node is on another network', { network: 'mainnet' }, /lnd is on regtest, but mainnet is expected/],
    ['nobody is at its address', { address: 'localhost:1' }, /localhost:1 cannot be reached; check that it runs/],
  ]
  test.each(faults)('does not start when %s, and says in a sentence what to do', async (_what, change, sentence) => {
    await using subject = await makeLndSubject()
    using directory = temporaryDirectory()
    const { address, tlsCert: cert, macaroon } = subject.settings
    writeConfig(directory.path, { address, cert, macaroon, network: 'regtest', ...change })
    const { code, stdout, stderr } = await turnpike(['serve'], { cwd: directory.path })
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toMatch(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    for (const secret of [change.macaroon ?? macaroon, ...subject.fake.secrets()]) expect(stderr).not.toContain(secret)
  })

  test('starts when all is right, with a macaroon as lnd writes it', async () => {
    await using subject = await makeLndSubject()
    using directory = temporaryDirectory()
    const { address, tlsCert: cert, macaroon } = subject.settings
    writeConfig(directory.path, { address, cert, macaroon, network: 'regtest' })
    const child = startTurnpike(['serve'], { cwd: directory.path })
    const said = await until(child.stderr, /operator on (\S+)\./)
    const [, url = ''] = /sells 1 service on (\S+);/.exec(said) ?? []
    const answer = await fetch(`${url}/make`)
    expect([answer.status, await answer.json()]).toMatchObject([402, { invoice: expect.stringMatching(/^lnbcrt70n1/) }])
    child.kill('SIGTERM')
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0)
  })
})
