import { randomBytes } from 'node:crypto'
import type { Clock } from '../ports/clock.ts'
import type { KeyUse } from '../ports/key-use.ts'
import type { KeyRing, MasterKey } from '../ports/keys.ts'
import type { Ledger } from '../ports/ledger.ts'
import { type OpenedKeys, openKeys, writeKeys } from './keys-file.ts'

type KeyLedger = Pick<Ledger, 'meta' | 'saveKeyFingerprints' | 'stopSigning' | 'keyUse' | 'forgetKey'>

export interface KeyStoreOptions {
  readonly file: string
  readonly ledger: KeyLedger
  readonly clock: Pick<Clock, 'nowMs'>
  /** How long a token sold now lives, ms. */
  readonly tokenTtlMs: () => number
  /** How long after its first use a token of today’s services may be asked for its result, at most, ms. */
  readonly longestUseMs: () => number
}

export interface KeyStatus {
  readonly id: number
  readonly state: MasterKey['state']
  readonly fingerprint: string
  /** From when it may be retired, Unix ms; undefined while it signs or runs are under way. */
  readonly retirableFromMs: number | undefined
  readonly owed: number
}

export type RetireOutcome =
  | { readonly kind: 'retired' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'refused'; readonly reason: string; readonly fromMs?: number }

/**
 * The keys of a running gateway. The file is always ahead of the ledger when a key is added, and behind it when one is
 * removed: so whatever happens between the two, the file holds every key that the ledger asks for at the next start.
 */
export class KeyStore {
  readonly #options: KeyStoreOptions
  readonly #fingerprints: Map<number, string>
  #ring: KeyRing
  #working: Promise<unknown> = Promise.resolve()

  private constructor(options: KeyStoreOptions, { ring, fingerprints }: OpenedKeys) {
    this.#options = options
    this.#ring = ring
    this.#fingerprints = new Map(fingerprints)
  }

  /**
   * @throws KeysProblem when file and ledger do not belong together
   * @throws LedgerError
   */
  static async open(options: KeyStoreOptions): Promise<KeyStore> {
    const opened = openKeys(options.file, options.ledger.meta)
    const store = new KeyStore(options, opened)
    await options.ledger.saveKeyFingerprints(opened.fingerprints)
    await store.#noteStopped()
    return store
  }

  /**
   * The keys, always today's. Once {@link rotate} has begun to note until when the old key is needed, that one signs
   * nothing any more.
   */
  get ring(): KeyRing {
    const today = () => this.#ring
    return {
      get minting() {
        return today().minting
      },
      get all() {
        return today().all
      },
      find: (id) => today().find(id),
    }
  }

  /**
   * Makes a new key that signs from now on; the others only verify. One that was begun and not finished is finished.
   * @returns the number of the key that signs now
   * @throws KeysProblem, LedgerError; the old key then goes on signing, unless the error is of the last write: then the new
   *   one signs, and the old one cannot be retired before the next rotation or start
   */
  rotate(): Promise<number> {
    return this.#alone(async () => {
      const { file, ledger } = this.#options
      let opened = this.#read()
      if (opened.ring.minting.id === this.#ring.minting.id) {
        const added: MasterKey = { id: this.#nextId(opened.keys), state: 'mint', secret: randomBytes(32) }
        const others = opened.keys.map((key): MasterKey => ({ ...key, state: 'verify' }))
        writeKeys(file, [...others, added], ledger.meta.ledgerId)
        opened = this.#read()
      }
      // Before the first token is signed with it, the ledger must know that it needs the key.
      await ledger.saveKeyFingerprints(opened.fingerprints)
      this.#take(opened)
      await this.#noteStopped()
      return opened.ring.minting.id
    })
  }

  /**
   * Removes a key that nothing needs any more.
   * @throws KeysProblem, LedgerError
   */
  retire(id: number): Promise<RetireOutcome> {
    return this.#alone(async (): Promise<RetireOutcome> => {
      const { file, ledger, clock } = this.#options
      const { keys } = this.#read()
      const key = keys.find((each) => each.id === id)
      if (!key) return { kind: 'unknown' }
      if (id === this.#ring.minting.id || key.state === 'mint')
        return { kind: 'refused', reason: 'it signs new tokens; rotate first' }
      const use = await ledger.keyUse(id)
      const fromMs = this.#retirableFrom(use)
      if (fromMs === undefined) return { kind: 'refused', reason: 'a run is under way for a payment under it' }
      if (clock.nowMs() < fromMs) {
        const when = new Date(fromMs).toISOString()
        return { kind: 'refused', reason: `tokens or results under it may be asked for until ${when}`, fromMs }
      }
      if (use.owed > 0) {
        const payments = use.owed === 1 ? '1 payment under it is' : `${use.owed} payments under it are`
        return { kind: 'refused', reason: `${payments} owed; see \`turnpike refunds\`` }
      }
      await ledger.forgetKey(id)
      this.#fingerprints.delete(id)
      writeKeys(
        file,
        keys.filter((each) => each.id !== id),
        ledger.meta.ledgerId,
      )
      this.#take(this.#read())
      return { kind: 'retired' }
    })
  }

  async list(): Promise<KeyStatus[]> {
    const { ledger } = this.#options
    return await Promise.all(
      this.#ring.all.map(async ({ id }) => {
        const use = await ledger.keyUse(id)
        const signs = id === this.#ring.minting.id
        return {
          id,
          state: signs ? 'mint' : 'verify',
          fingerprint: this.#fingerprints.get(id) ?? '',
          retirableFromMs: signs ? undefined : this.#retirableFrom(use),
          owed: use.owed,
        }
      }),
    )
  }

  /** A token may be used for the first time until its end, and its result fetched after that; then its row decides. */
  #retirableFrom({ signedUntil, honouredUntilMs, running }: KeyUse): number | undefined {
    if (running > 0 || signedUntil === undefined) return undefined
    const signedMs = signedUntil * 1000
    if (this.#options.clock.nowMs() >= signedMs) return Math.max(signedMs, honouredUntilMs)
    return Math.max(signedMs + this.#options.longestUseMs(), honouredUntilMs)
  }

  async #noteStopped(): Promise<void> {
    const { ledger, clock, tokenTtlMs } = this.#options
    const until = Math.ceil((clock.nowMs() + tokenTtlMs()) / 1000)
    for (const { id } of this.#ring.all) if (id !== this.#ring.minting.id) await ledger.stopSigning(id, until)
  }

  #read(): OpenedKeys {
    const { file, ledger } = this.#options
    return openKeys(file, { ledgerId: ledger.meta.ledgerId, keyFingerprints: this.#fingerprints })
  }

  #take({ ring, fingerprints }: OpenedKeys): void {
    this.#ring = ring
    for (const [id, fingerprint] of fingerprints) this.#fingerprints.set(id, fingerprint)
  }

  /** Numbers are used in order, so that one that was retired is not soon mistaken for a new one. */
  #nextId(keys: readonly MasterKey[]): number {
    const taken = new Set([...keys.map(({ id }) => id), ...this.#fingerprints.keys()])
    const next = Math.max(...taken) + 1
    if (next <= 255) return next
    for (let id = 1; id <= 255; id++) if (!taken.has(id)) return id
    throw new Error('there are 255 keys')
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#working.then(work)
    this.#working = done.catch(() => undefined)
    return await done
  }
}
