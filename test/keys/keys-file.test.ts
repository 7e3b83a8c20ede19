import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { KeysProblem, keyFingerprint, openKeys, writeKeys } from '#src/keys/keys-file.ts'
import type { MasterKey } from '#src/ports/keys.ts'

const ledgerId = '01'.repeat(16)

/** A directory in which a gateway has been started once. */
function makeSetting() {
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-keys-'))
  const file = join(directory, 'keys')
  const { fingerprints } = openKeys(file, { ledgerId, keyFingerprints: new Map() })
  return {
    file,
    ledger: { ledgerId, keyFingerprints: fingerprints },
    text: readFileSync(file, 'utf8'),
    write(text: string): void {
      writeFileSync(file, text, { mode: 0o600 })
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

const makeKey = (overrides: Partial<MasterKey> = {}): MasterKey => ({
  id: 1,
  state: 'mint',
  secret: Buffer.alloc(32, 7),
  ...overrides,
})

function refusal(run: () => unknown): unknown {
  try {
    return run()
  } catch (thrown) {
    return thrown
  }
}

describe('the keys file', () => {
  test('is made with a new ledger, for its owner’s eyes only, with one key of 32 random bytes', () => {
    using setting = makeSetting()
    using other = makeSetting()
    expect(statSync(setting.file).mode & 0o777).toBe(0o600)
    const { ring, fingerprints } = openKeys(setting.file, setting.ledger)
    expect(ring.all).toHaveLength(1)
    expect(ring.minting).toMatchObject({ id: 1, state: 'mint' })
    expect(ring.minting.secret).toHaveLength(32)
    expect(fingerprints).toEqual(new Map([[1, keyFingerprint(ring.minting)]]))
    const theirs = openKeys(other.file, other.ledger).ring.minting.secret
    expect(Buffer.from(theirs).equals(ring.minting.secret)).toBe(false)
  })

  test('gives the same keys every time', () => {
    using setting = makeSetting()
    const [one, two] = [openKeys(setting.file, setting.ledger), openKeys(setting.file, setting.ledger)]
    expect(Buffer.from(one.ring.minting.secret).equals(two.ring.minting.secret)).toBe(true)
    expect(readFileSync(setting.file, 'utf8')).toBe(setting.text)
  })

  test('keeps old keys that only verify, and signs with the last that may', () => {
    using setting = makeSetting()
    const keys = [makeKey({ state: 'verify' }), makeKey({ id: 2 }), makeKey({ id: 255, secret: Buffer.alloc(32, 9) })]
    writeKeys(setting.file, keys, ledgerId)
    const { ring, fingerprints } = openKeys(setting.file, { ledgerId, keyFingerprints: new Map() })
    expect(ring.minting.id).toBe(255)
    expect(ring.find(1)).toMatchObject({ state: 'verify' })
    expect(ring.find(3)).toBeUndefined()
    expect([...fingerprints.keys()]).toEqual([1, 2, 255])
  })

  test('may have a key more than the ledger knows', () => {
    using setting = makeSetting()
    setting.write(`${setting.text}2 verify ${'0a'.repeat(32)} ${ledgerId}\n`)
    expect(openKeys(setting.file, setting.ledger).ring.all).toHaveLength(2)
  })

  test('is known by fingerprints that do not give a key away', () => {
    const key = makeKey()
    expect(keyFingerprint(key)).toMatch(/^[0-9a-f]{32}$/)
    expect(keyFingerprint(key)).toBe(keyFingerprint({ ...key, id: 9, state: 'verify' }))
    expect(keyFingerprint(makeKey({ secret: Buffer.alloc(32, 8) }))).not.toBe(keyFingerprint(key))
    expect(Buffer.from(key.secret).toString('hex')).not.toContain(keyFingerprint(key))
  })
})

describe('a gateway does not start', () => {
  test('without the file that its ledger was used with, and does not make a new one', () => {
    using setting = makeSetting()
    rmSync(setting.file)
    const problem = refusal(() => openKeys(setting.file, setting.ledger))
    expect(problem).toBeInstanceOf(KeysProblem)
    expect(String(problem)).toMatch(/is missing.*Restore it from the backup/)
    expect(refusal(() => statSync(setting.file))).toMatchObject({ code: 'ENOENT' })
  })

  test('with a file of another ledger', () => {
    using setting = makeSetting()
    const foreign = { ledgerId: '02'.repeat(16), keyFingerprints: new Map<number, string>() }
    const problem = refusal(() => openKeys(setting.file, foreign))
    expect(problem).toBeInstanceOf(KeysProblem)
    expect(String(problem)).toContain('belongs to another ledger')
  })

  test('with another key under the same number', () => {
    using setting = makeSetting()
    setting.write(`1 mint ${'0a'.repeat(32)} ${ledgerId}\n`)
    expect(String(refusal(() => openKeys(setting.file, setting.ledger)))).toContain('has another key 1')
  })

  test('with a file that is older than its ledger', () => {
    using setting = makeSetting()
    const keyFingerprints = new Map([...setting.ledger.keyFingerprints, [2, 'ff'.repeat(16)] as const])
    expect(String(refusal(() => openKeys(setting.file, { ledgerId, keyFingerprints })))).toMatch(/lacks key 2.*older/)
  })

  test.for([0o644, 0o640, 0o604, 0o660, 0o620, 0o601])('with a file that others have rights to (%i)', (mode) => {
    using setting = makeSetting()
    chmodSync(setting.file, mode)
    expect(String(refusal(() => openKeys(setting.file, setting.ledger)))).toContain(`chmod 600 ${setting.file}`)
  })

  test.for([
    ['is empty', () => '', 'lacks key 1'],
    ['has only keys that verify', (text: string) => text.replace(' mint ', ' verify '), 'no key in state `mint`'],
    ['has a key that is cut', (text: string) => text.replace(/([0-9a-f]{60})[0-9a-f]{4} /, '$1 '), ':2 is not'],
    ['has a key in capitals', (text: string) => text.replace(/[0-9a-f]{64}/, (hex) => `A${hex.slice(1)}`), ':2 is not'],
    ['has a state that is none', (text: string) => text.replace(' mint ', ' sign '), ':2 is not'],
    ['has a number that is none', (text: string) => text.replace(/^1 /m, '256 '), ':2 is not'],
    ['has a number twice', (text: string) => `${text}${text}`, 'gives key 1 a second time'],
    ['has anything else', (text: string) => `${text}and so on\n`, ':3 is not'],
  ] as const)('with a file that %s', ([, change, says]) => {
    using setting = makeSetting()
    setting.write(change(setting.text))
    const problem = refusal(() => openKeys(setting.file, setting.ledger))
    expect(problem).toBeInstanceOf(KeysProblem)
    expect(String(problem)).toContain(says)
  })

  test('and never says a secret when it says why', () => {
    using setting = makeSetting()
    const secret = /[0-9a-f]{64}/.exec(setting.text)?.[0] ?? ''
    for (const change of [
      `${setting.text}${setting.text}`,
      setting.text.replace(' mint ', ' sign '),
      setting.text.replace(ledgerId, '02'.repeat(16)),
    ]) {
      setting.write(change)
      const problem = refusal(() => openKeys(setting.file, setting.ledger))
      expect(problem).toBeInstanceOf(KeysProblem)
      expect(String(problem)).not.toContain(secret)
    }
  })
})
