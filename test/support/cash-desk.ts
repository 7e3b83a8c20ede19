import { type CashDesk, openCashDesk } from '#src/lightning/cash-desk.ts'
import type { BookedSettlement, Books, KeptInvoice, KnownWallet } from '#src/ports/books.ts'
import type { Clock } from '#src/ports/clock.ts'
import type { WalletChange, WalletEvents } from '#src/telemetry/wallet-events.ts'
import type { ScriptedWallet } from './scripted-wallet.ts'

/** Books in memory. */
export class MemoryBooks implements Books {
  readonly settled = new Map<string, BookedSettlement & { readonly wallet: string }>()
  readonly wallets = new Map<string, KnownWallet>()
  /** Payments that were presented. */
  readonly presented: { readonly number: number; readonly paymentHash: string; readonly wallet: string }[] = []
  kept: readonly KeptInvoice[] = []
  /** How often one was asked for by its hash. */
  recalled = 0
  /** How often a settlement was written. */
  writes = 0
  /** Thrown instead of writing, while it is set. */
  trouble: Error | undefined

  async noteWallets(wallets: readonly Pick<KnownWallet, 'name' | 'kind'>[]) {
    for (const { name, kind } of wallets)
      if (!this.wallets.has(name)) this.wallets.set(name, { name, kind, cursor: undefined })
    return [...this.wallets.values()]
  }

  async recordSettlements(wallet: string, settlements: readonly BookedSettlement[], cursor: string | undefined) {
    if (this.trouble) throw this.trouble
    this.writes++
    const fresh = settlements.filter(({ paymentHash }) => !this.settled.has(paymentHash))
    for (const each of fresh) this.settled.set(each.paymentHash, { ...each, wallet })
    this.kept = this.kept.filter(({ paymentHash }) => !this.settled.has(paymentHash))
    const known = this.wallets.get(wallet)
    if (known && cursor !== undefined) this.wallets.set(wallet, { ...known, cursor })
    return fresh.map(({ paymentHash }) => paymentHash)
  }

  async settledWith(paymentHash: string) {
    return this.settled.get(paymentHash)?.wallet
  }

  async keepInvoices(invoices: readonly KeptInvoice[]) {
    const fresh = invoices.filter((each) => this.kept.every(({ paymentHash }) => paymentHash !== each.paymentHash))
    this.kept = [...this.kept, ...fresh]
  }

  async keptInvoices(afterMs: number, limit: number) {
    const payable = this.kept.filter(({ expiresAtMs }) => expiresAtMs > afterMs)
    return payable.toSorted((a, b) => a.expiresAtMs - b.expiresAtMs).slice(-limit)
  }

  async keptInvoice(paymentHash: string) {
    this.recalled++
    return this.kept.find((each) => each.paymentHash === paymentHash)
  }

  async unconfirmed(afterNumber: number, limit: number) {
    return this.presented
      .filter(({ number, paymentHash }) => number > afterNumber && !this.settled.has(paymentHash))
      .slice(0, limit)
  }
}

/** What was told, in order: `up:main`, `selling`, `stopped`, … */
export class ToldEvents implements WalletEvents {
  readonly told: string[] = []
  readonly calls: string[] = []

  walletCalled(wallet: string, operation: string, outcome: string): void {
    this.calls.push(`${wallet} ${operation} ${outcome}`)
  }

  walletChanged(wallet: string, { kind }: WalletChange): void {
    this.told.push(`${wallet} ${kind}`)
  }

  walletWarned(wallet: string, warning: string): void {
    this.told.push(`${wallet} warns: ${warning}`)
  }

  sellingChanged(stopped: string | undefined): void {
    this.told.push(stopped === undefined ? 'selling' : 'stopped')
  }

  settlementsChanged(wallet: string, interrupted: string | undefined): void {
    this.told.push(`${wallet} ${interrupted === undefined ? 'followed' : 'interrupted'}`)
  }

  settled(wallet: string, receivedMsat: bigint | undefined): void {
    this.told.push(`${wallet} settled ${receivedMsat}`)
  }

  settlementMissing(wallet: string): void {
    this.told.push(`${wallet} missing`)
  }
}

export interface TestDesk extends AsyncDisposable {
  readonly desk: CashDesk
  readonly books: MemoryBooks
  readonly events: ToldEvents
  /** Asks for an invoice; the key is a new one each time. */
  issue(amountMsat?: bigint, expirySeconds?: number): ReturnType<CashDesk['issuer']['issue']>
}

export interface TestDeskOptions {
  readonly clock: Clock
  readonly books?: MemoryBooks
  readonly maxOpenInvoices?: number
  readonly requireSettled?: boolean
  readonly timeoutMs?: number
  readonly mintPerMinute?: number
}

let orders = 0

export async function openDesk(wallets: readonly ScriptedWallet[], options: TestDeskOptions): Promise<TestDesk> {
  const {
    clock,
    books = new MemoryBooks(),
    maxOpenInvoices = 2_000,
    requireSettled = false,
    timeoutMs = 1_000,
  } = options
  const events = new ToldEvents()
  const desk = await openCashDesk(
    {
      wallets: wallets.map((wallet) => ({ wallet, mintPerMinute: options.mintPerMinute })),
      books,
      clock,
      events,
      onTrouble: (operation) => void events.told.push(`trouble with ${operation}`),
      settings: { timeoutMs, maxOpenInvoices, requireSettled },
      random: () => 0.5,
    },
    new AbortController().signal,
  )
  return {
    desk,
    books,
    events,
    issue(amountMsat = 1_000n, expirySeconds = 600) {
      const idempotencyKey = `order ${++orders}`
      const order = {
        service: 'make',
        amountMsat,
        description: 'Turnpike: make',
        expirySeconds,
        idempotencyKey,
        tokenTtlMs: 86_400_000,
      }
      return desk.issuer.issue(order)
    },
    [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose](),
  }
}
