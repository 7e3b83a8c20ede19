import type { ServiceDefinition } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { readDefinition } from '../config/load.ts'
import type { Clock } from '../ports/clock.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Revisions } from '../ports/revisions.ts'
import type { Catalog } from './catalog.ts'
import { compileService, type Service } from './service.ts'
import { SchemaCompiler } from './validator.ts'

export interface RevisionStoreOptions {
  readonly ledger: Pick<Ledger, 'meta' | 'revisions' | 'saveRevisions' | 'noteTokenLife'>
  readonly clock: Clock
  readonly environment: Environment
  /** How long a token sold now lives, ms. */
  readonly tokenTtlMs: () => number
  /** A stored definition cannot be used as it was, for example because a `${NAME}` in it is no longer set. */
  onUnusable(rev: string, cause: unknown): void
}

interface Entry {
  readonly name: string
  readonly definition: string
  /** Unix seconds, as committed. */
  soldUntil: number
  service: Service | 'unusable' | undefined
}

/** `last_sold_until` is committed this far ahead, so that selling almost never waits for it. */
const aheadSeconds = 24 * 3600

/** The longest life is noted in whole hours and one ahead, so that it is hardly ever written. */
const lifeStepSeconds = 3600

/** The definitions that living tokens were sold under, compiled when they are first needed. */
export class RevisionStore implements Revisions<Service> {
  readonly #options: RevisionStoreOptions
  /** In the order in which they were on sale last. */
  readonly #entries: Map<string, Entry>
  readonly #keeping = new Map<string, Promise<void>>()
  /** Seconds, as committed. */
  #longestLife: number

  private constructor(options: RevisionStoreOptions, entries: Map<string, Entry>) {
    this.#options = options
    this.#entries = entries
    this.#longestLife = options.ledger.meta.longestTokenLife
  }

  /** @throws LedgerError */
  static async load(options: RevisionStoreOptions): Promise<RevisionStore> {
    const records = await options.ledger.revisions()
    const entries = records.map(({ rev, definition, lastSoldUntil }): [string, Entry] => [
      rev,
      { name: nameIn(definition), definition, soldUntil: lastSoldUntil, service: undefined },
    ])
    return new RevisionStore(options, new Map(entries))
  }

  /** Commits the revisions of a catalog; only then may it go live. @throws LedgerError */
  async adopt(catalog: Catalog): Promise<void> {
    const priced = catalog.services.filter((service) => service.contract.price !== 'free')
    await this.#noteLife(Math.ceil(this.#options.tokenTtlMs() / 1000))
    const soldUntil = this.#ahead()
    const records = priced.map((service) => ({
      rev: service.rev,
      definition: JSON.stringify(service.config.definition),
      lastSoldUntil: soldUntil,
    }))
    await this.#options.ledger.saveRevisions(records)
    for (const [index, service] of priced.entries()) {
      const { name, rev } = service
      this.#entries.delete(rev)
      this.#entries.set(rev, { name, definition: records[index]?.definition ?? '', soldUntil, service })
    }
  }

  resolve(rev: string): Service | undefined {
    const entry = this.#entries.get(rev)
    return entry && this.#serviceOf(rev, entry)
  }

  *named(name: string): Generator<Service> {
    for (const [rev, entry] of [...this.#entries].toReversed()) {
      const service = entry.name === name ? this.#serviceOf(rev, entry) : undefined
      if (service) yield service
    }
  }

  get longestLifeMs(): number {
    return this.#longestLife * 1000
  }

  keepUntil(rev: string, until: number): Promise<void> | undefined {
    const noting = this.#noteLife(until - Math.floor(this.#options.clock.nowMs() / 1000))
    const keeping = this.#keepRevision(rev, until)
    return noting ? Promise.all([noting, keeping]).then(() => undefined) : keeping
  }

  #noteLife(seconds: number): Promise<void> | undefined {
    if (seconds <= this.#longestLife) return undefined
    const noted = (Math.ceil(seconds / lifeStepSeconds) + 1) * lifeStepSeconds
    return this.#options.ledger.noteTokenLife(noted).then(() => {
      this.#longestLife = Math.max(this.#longestLife, noted)
    })
  }

  #keepRevision(rev: string, until: number): Promise<void> | undefined {
    const entry = this.#entries.get(rev)
    if (!entry) return undefined
    if (entry.soldUntil - until < aheadSeconds / 2) {
      const keeping = this.#extend(rev, entry, until)
      if (entry.soldUntil < until) return keeping
      keeping.catch(() => undefined)
    }
    return undefined
  }

  #extend(rev: string, entry: Entry, until: number): Promise<void> {
    const under = this.#keeping.get(rev)
    if (under) return under
    // A request that began under longer-lived tokens may come after they were shortened.
    const lastSoldUntil = Math.max(this.#ahead(), until + aheadSeconds)
    const keeping = this.#options.ledger
      .saveRevisions([{ rev, definition: entry.definition, lastSoldUntil }])
      .then(() => {
        entry.soldUntil = Math.max(entry.soldUntil, lastSoldUntil)
      })
      .finally(() => this.#keeping.delete(rev))
    this.#keeping.set(rev, keeping)
    return keeping
  }

  #ahead(): number {
    return Math.ceil((this.#options.clock.nowMs() + this.#options.tokenTtlMs()) / 1000) + aheadSeconds
  }

  #serviceOf(rev: string, entry: Entry): Service | undefined {
    entry.service ??= this.#compile(rev, JSON.parse(entry.definition) as ServiceDefinition)
    return entry.service === 'unusable' ? undefined : entry.service
  }

  /** What was sold can be read without the environment; only calling the upstream may need more. */
  #compile(rev: string, definition: ServiceDefinition): Service | 'unusable' {
    const compile = (given: ServiceDefinition): Service =>
      compileService(readDefinition(given, this.#options.environment), new SchemaCompiler())
    try {
      return compile(definition)
    } catch (thrown) {
      this.#options.onUnusable(rev, thrown)
    }
    try {
      return { ...compile({ ...definition, served: nowhere }), servable: false }
    } catch {
      return 'unusable'
    }
  }
}

/** A name that never resolves (RFC 2606). */
const nowhere = { upstream: 'http://upstream.invalid' }

const nameIn = (definition: string): string => (JSON.parse(definition) as ServiceDefinition).name
