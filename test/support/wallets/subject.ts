import type { Wallet } from '#src/ports/wallet.ts'

/** What a wallet's server may do instead of answering properly. */
export type Breakage = '401' | '429' | '5xx' | 'hang' | 'garbage' | 'half-open'

/** What it may be wrong about in the invoices it makes. */
export type Lie = 'amount' | 'hash' | 'expiry' | 'network'

/** What may be wrong with the settings, found when the wallet starts. */
export type SetupFault = 'credential' | 'certificate' | 'network' | 'unreachable'

/** A stand-in for the other end of a wallet: speaks its protocol on a loopback port, with invoices for regtest. */
export interface FakeWalletServer extends AsyncDisposable {
  /** A buyer pays. @returns the preimage, 64 hex digits */
  settle(paymentHash: string): Promise<string>
  /** The invoice can no longer be paid, as if its time were over. */
  expire(paymentHash: string): void
  /**
   * From now on every call fares so; undefined: as usual again. `hang`: the request is read and never answered.
   * `half-open`: the link is dead without either end being told: bytes go nowhere, connections stay open, and undefined
   * mends only what connects anew.
   */
  breakWith(breakage: Breakage | undefined): void
  /** From now on invoices are wrong in this respect; undefined: right again. */
  lie(lie: Lie | undefined): void
  /** The next invoice is made, and the connection closed before the answer is sent. */
  loseNextReply(): void
  /** Stops listening and cuts every connection; its invoices stay. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  start(): Promise<void>
  /** How many invoices it has made. */
  invoices(): number
  /** Connections that are open now. */
  connections(): number
  /** What must never stand in a message: credentials, and of every invoice made so far preimage and text. */
  secrets(): string[]
}

/** One wallet and its server. */
export interface WalletSubject extends AsyncDisposable {
  readonly fake: FakeWalletServer
  /** A wallet with the right settings, not started. Called again, it is the same wallet after a restart of the gateway. */
  open(): Promise<Wallet>
  /** The same with one thing wrong in its settings. */
  openWith(fault: SetupFault): Promise<Wallet>
}

/**
 * How a wallet is shown to keep the contract. `lacks` names the cases that its protocol cannot have, with the reason in
 * a sentence; such a case stands in the table with a dash and its reason below.
 */
export interface WalletUnderTest {
  /** As in the configuration: `lnd`, `phoenixd`, … */
  readonly kind: string
  readonly make: () => Promise<WalletSubject>
  readonly lacks: Readonly<Record<string, string>>
}
