import { describe, expect, test } from 'vitest'
import { examineWallet } from '#src/cli/examine-wallet.ts'
import { ScriptedWallet } from '../support/scripted-wallet.ts'
import { walletsUnderTest } from '../support/wallets/all.ts'
import type { SetupFault } from '../support/wallets/subject.ts'

const wish = { requireSettled: false, mintPerMinute: undefined }
const faults: readonly SetupFault[] = ['credential', 'certificate', 'network', 'unreachable']
const slow = 30_000

describe.for(walletsUnderTest)('$kind', ({ kind, make, lacks }) => {
  test('is found good, with network, unit and a test invoice', { timeout: slow }, async () => {
    await using subject = await make()
    const findings = await examineWallet(() => subject.open(), wish)
    expect(findings.filter(({ level }) => level === 'fail')).toEqual([])
    const texts = findings.map(({ text }) => text).join('\n')
    expect(texts).toMatch(/^Connected in \d+ ms\.$/m)
    expect(texts).toMatch(/^Network regtest\.$/m)
    expect(texts).toMatch(/in steps of (1 msat|1 sat)/)
    expect(texts).toMatch(/^A test invoice of 1 sat was made/m)
    // Some make one at the start too, to learn the network.
    expect([1, 2]).toContain(subject.fake.invoices())
    for (const secret of subject.fake.secrets()) expect(texts).not.toContain(secret)
  })

  test.for(faults)(
    'with a wrong setting is refused in one sentence: %s',
    { timeout: slow },
    async (fault, { skip }) => {
      await using subject = await make()
      const opening = subject.openWith(fault)
      const possible = await opening.then(
        async (wallet) => {
          await wallet[Symbol.asyncDispose]()
          return true
        },
        () => false,
      )
      if (!possible) skip(`${kind} has no such setting: ${JSON.stringify(lacks)}`)
      const findings = await examineWallet(() => subject.openWith(fault), wish)
      const failures = findings.filter(({ level }) => level === 'fail')
      expect(failures).toHaveLength(1)
      const text = failures[0]?.text ?? ''
      expect(text).toMatch(/^\S.{20,400}[.]$/s)
      expect(text).not.toMatch(/does not explain/)
      for (const secret of subject.fake.secrets()) expect(text).not.toContain(secret)
    },
  )
})

test('a wallet that lies is found out by its test invoice', async () => {
  const wallet = new ScriptedWallet('main')
  wallet.creates = (_request, made) => ({ ...made, amountMsat: made.amountMsat + 1n })
  const findings = await examineWallet(async () => wallet, wish)
  expect(findings.filter(({ level }) => level === 'fail')).toMatchObject([
    { text: expect.stringContaining('cannot be used') },
  ])
})

test('warnings of the wallet are passed on, and a wallet that forgets its invoice fails', async () => {
  const wallet = new ScriptedWallet('main')
  wallet.warnings = ['It has no inbound liquidity: open a channel towards it.']
  wallet.lookup = async () => ({ state: 'unknown' })
  const findings = await examineWallet(async () => wallet, wish)
  expect(findings).toContainEqual({ level: 'warn', text: wallet.warnings[0] })
  expect(findings.filter(({ level }) => level === 'fail')).toHaveLength(1)
})

test('a wallet that cannot tell what has settled fails where that is needed, and is noted where it is not', async () => {
  const wallet = () => Promise.resolve(new ScriptedWallet('main', { lookup: false, push: 'none' }))
  const levels = async (requireSettled: boolean) =>
    (await examineWallet(wallet, { ...wish, requireSettled })).map(({ level }) => level)
  expect(await levels(true)).toContain('fail')
  expect(await levels(false)).not.toContain('fail')
  expect(await levels(false)).toContain('note')
})
