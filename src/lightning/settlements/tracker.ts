import { setTimeout as sleep } from 'node:timers/promises'
import { type Books, type KnownWallet, unknownWallet } from '../../ports/books.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Settlement } from '../../ports/wallet.ts'
import type { WalletEvents } from '../../telemetry/wallet-events.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { OpenInvoices } from '../open-invoices.ts'
import { findSettlement } from './find.ts'
import { followSettlements } from './follow.ts'
import { Inbox } from './inbox.ts'
import { Poller, settlementOf } from './poll.ts'
import { Unconfirmed } from './unconfirmed.ts'

export interface TrackerOptions {
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly books: Books
  /** As the books know them: where each stream is resumed. */
  readonly known: readonly KnownWallet[]
  readonly clock: Clock
  readonly events: WalletEvents
  /** The books could not be written or read; it is tried again. */
  readonly onTrouble: (operation: string, cause: unknown) => void
  /** 0 to 1. */
  readonly random: () => number
}

const roundMs = 1_000

/**
 * Learns of every payment that a wallet receives and writes it into the books: from the wallet's own stream, resumed
 * where an earlier process stopped; by looking up open invoices where the stream may miss some; and by asking for
 * payments that were redeemed unheard of.
 */
export class SettlementTracker implements AsyncDisposable {
  readonly #options: TrackerOptions
  readonly #ending = new AbortController()
  readonly #inboxes: ReadonlyMap<string, Inbox>
  readonly #work: Promise<void>[] = []

  constructor(options: TrackerOptions) {
    this.#options = options
    const { wallets, invoices, books, events, onTrouble } = options
    const lifetime = this.#ending.signal
    const inboxOf = (wallet: string) =>
      new Inbox({ wallet, invoices, books, events, lifetime, onTrouble: (cause) => onTrouble('books', cause) })
    this.#inboxes = new Map(wallets.map(({ name }) => [name, inboxOf(name)]))
  }

  /** Begins the work; it goes on until the tracker is disposed of. */
  start(): void {
    for (const managed of this.#options.wallets) this.#work.push(this.#follow(managed))
    this.#work.push(...this.#options.wallets.map((managed) => this.#poll(managed)), this.#confirm())
  }

  /**
   * Whether the wallet's stream tells of every payment, also of those made while nobody listens. It has to have told of
   * one: before that there is no place to resume it at.
   */
  resumes({ name, wallet }: ManagedWallet): boolean {
    if (wallet.capabilities.push !== 'resumable') return false
    const known = this.#options.known.find((each) => each.name === name)?.cursor
    return (known ?? this.#inboxes.get(name)?.cursor) !== undefined
  }

  /** Takes what a lookup has found. */
  async take(wallet: string, settlement: Settlement): Promise<void> {
    await this.#inboxes.get(wallet)?.put(settlement)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.all(this.#work)
    await Promise.all([...this.#inboxes.values()].map((inbox) => inbox.written()))
  }

  async #follow(managed: ManagedWallet): Promise<void> {
    const { known, events, random } = this.#options
    const lifetime = this.#ending.signal
    await untilReady(managed, lifetime)
    const { wallet } = managed
    const resumable = wallet.capabilities.push === 'resumable'
    await followSettlements({
      wallet,
      cursor: resumable ? known.find(({ name }) => name === wallet.name)?.cursor : undefined,
      take: resumable ? (settlement) => this.take(wallet.name, settlement) : (hint) => this.#check(managed, hint),
      events,
      random,
      lifetime,
    })
  }

  /** A hint that may have been made up counts only when a lookup says the same. */
  async #check({ name, wallet }: ManagedWallet, hint: Settlement): Promise<void> {
    const { clock } = this.#options
    const { cursor: _none, ...told } = hint
    if (!wallet.capabilities.lookup) return await this.take(name, told)
    const found = await findSettlement(this.#options, hint.paymentHash, name, this.#ending.signal)
    if (found.kind !== 'settled') return
    const confirmed = settlementOf(hint.paymentHash, found.state, clock)
    await this.take(found.wallet, { ...told, ...confirmed })
  }

  async #poll(managed: ManagedWallet): Promise<void> {
    const { invoices, clock } = this.#options
    const lifetime = this.#ending.signal
    const take = (settlement: Settlement) => this.take(managed.name, settlement)
    const resumes = () => this.resumes(managed)
    const poller = new Poller({ managed, invoices, take, resumes, clock, lifetime })
    await this.#everyRound(() => poller.round())
  }

  async #confirm(): Promise<void> {
    const { onTrouble } = this.#options
    const take = (wallet: string, settlement: Settlement) => this.take(wallet, settlement)
    const unconfirmed = new Unconfirmed({ ...this.#options, take, lifetime: this.#ending.signal })
    let trouble = false
    await this.#everyRound(async () => {
      try {
        await unconfirmed.round()
        trouble = false
      } catch (thrown) {
        if (!trouble) onTrouble('unconfirmed', thrown)
        trouble = true
      }
    })
  }

  async #everyRound(run: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      await run()
      await sleep(roundMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}

/** The only wallet that a ledger was ever used with: payments whose invoice is forgotten can have gone nowhere else. */
export function onlyWalletOf(known: readonly KnownWallet[]): string | undefined {
  const [only, ...more] = known
  return more.length === 0 && only?.name !== unknownWallet ? only?.name : undefined
}

function untilReady(managed: ManagedWallet, lifetime: AbortSignal): Promise<void> {
  const ended = Promise.withResolvers<void>()
  const end = () => ended.resolve()
  lifetime.addEventListener('abort', end, { once: true })
  return Promise.race([managed.ready, ended.promise]).finally(() => lifetime.removeEventListener('abort', end))
}
