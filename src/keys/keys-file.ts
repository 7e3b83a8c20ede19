import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { KeyRing, MasterKey } from '../ports/keys.ts'
import type { LedgerMeta } from '../ports/ledger.ts'
import { writeDurably } from './write-durably.ts'

/**
 * The keys file: one master key a line, `<id> <mint|verify> <secret, 64 hex> <ledger id>`. It and the ledger belong
 * together: a wrong key would make every paid token worthless, so anything that does not fit refuses to start.
 */
export class KeysProblem extends Error {
  override readonly name = 'KeysProblem'
}

export interface OpenedKeys {
  readonly keys: readonly MasterKey[]
  readonly ring: KeyRing
  /** To be saved in the ledger before the first token is minted. */
  readonly fingerprints: ReadonlyMap<number, string>
}

/**
 * Reads the keys that belong to a ledger; makes them together with a new one.
 * @param file kept at mode 0600
 * @throws KeysProblem with the reason and what mends it
 */
export function openKeys(file: string, ledger: Pick<LedgerMeta, 'ledgerId' | 'keyFingerprints'>): OpenedKeys {
  if (!existsSync(file)) {
    if (ledger.keyFingerprints.size > 0) {
      throw new KeysProblem(
        `${file} is missing, but the ledger beside it has sold tokens with it. Restore it from the backup that the ledger belongs to.`,
      )
    }
    writeKeys(file, [{ id: 1, state: 'mint', secret: randomBytes(32) }], ledger.ledgerId)
  }
  const mode = statSync(file).mode & 0o077
  if (mode !== 0) throw new KeysProblem(`${file} can be read by others; run \`chmod 600 ${file}\``)
  const keys = readKeys(readFileSync(file, 'utf8'), file, ledger.ledgerId)
  const fingerprints = new Map(keys.map((key) => [key.id, keyFingerprint(key)]))
  for (const [id, fingerprint] of ledger.keyFingerprints) {
    const found = fingerprints.get(id)
    if (found === fingerprint) continue
    throw new KeysProblem(
      found === undefined
        ? `${file} lacks key ${id}, which the ledger knows: the file is older than the ledger. Restore the newest one.`
        : `${file} has another key ${id} than the ledger knows: tokens sold before would be worthless. Restore the right file.`,
    )
  }
  return { keys, ring: keyRing(keys, file), fingerprints }
}

/** What the ledger remembers of a key: enough to recognise it, nothing to use. */
export function keyFingerprint(key: MasterKey): string {
  return createHash('sha256').update('turnpike key fingerprint').update(key.secret).digest('hex').slice(0, 32)
}

export function writeKeys(file: string, keys: readonly MasterKey[], ledgerId: string): void {
  const lines = keys.map(
    ({ id, state, secret }) => `${id} ${state} ${Buffer.from(secret).toString('hex')} ${ledgerId}\n`,
  )
  writeDurably(
    file,
    `# Turnpike master keys: id, state, secret, ledger. Back up together with the ledger.\n${lines.join('')}`,
  )
}

function readKeys(text: string, file: string, ledgerId: string): MasterKey[] {
  const keys: MasterKey[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const match = /^([0-9]{1,3}) (mint|verify) ([0-9a-f]{64}) ([0-9a-f]{32})$/.exec(line.trim())
    const id = Number(match?.[1])
    if (!match || id > 255)
      throw new KeysProblem(`${file}:${index + 1} is not \`<id> <mint|verify> <secret> <ledger id>\``)
    if (match[4] !== ledgerId) {
      throw new KeysProblem(
        `${file} belongs to another ledger than the one beside it. Put back the one that belongs here; to begin anew, move both away.`,
      )
    }
    if (keys.some((key) => key.id === id)) throw new KeysProblem(`${file}:${index + 1} gives key ${id} a second time`)
    keys.push({ id, state: match[2] === 'mint' ? 'mint' : 'verify', secret: Buffer.from(match[3] ?? '', 'hex') })
  }
  return keys
}

function keyRing(keys: readonly MasterKey[], file: string): KeyRing {
  const minting = keys.findLast((key) => key.state === 'mint')
  if (!minting) throw new KeysProblem(`${file} has no key in state \`mint\``)
  const byId = new Map(keys.map((key) => [key.id, key]))
  return { minting, all: keys, find: (id) => byId.get(id) }
}
