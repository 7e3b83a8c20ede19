import type { HoldState, HoldWallet } from '#src/ports/hold-wallet.ts'
import type { Breakage } from './subject.ts'

/** A payment as its buyer sees it. */
export interface Paying {
  /** The preimage once it was taken; undefined when it was let go, or could not be made. */
  readonly ended: Promise<string | undefined>
}

/** A wallet that can hold payments, with its server and the buyers. */
export interface HoldSubject extends AsyncDisposable {
  /** Not started. Called again, it is the same wallet after a restart of the gateway. */
  open(): Promise<HoldWallet>
  /** A buyer pays: the payment is locked in when this resolves, unless the invoice cannot be paid. */
  pay(paymentHash: string): Promise<Paying>
  /** Where the invoice really stands, whatever the wallet says. */
  stateOf(paymentHash: string): HoldState
  /** Another program on the same node makes a hold invoice. */
  foreign(paymentHash: string): Promise<void>
  /** The time of the invoice is over. */
  expire(paymentHash: string): void
  /** The server of the wallet is gone, with every connection, and back. */
  restart(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  /** Reports about the invoice, as often as it is called, what it once was. */
  repeat(paymentHash: string, state: 'open' | 'accepted'): void
  breakWith(breakage: Breakage | undefined): void
  /** The next such call is carried out, and its answer lost. */
  loseReplyTo(call: 'create' | 'settle' | 'cancel'): void
  /** How many hold invoices were made for this hash. */
  invoices(paymentHash: string): number
  /** Connections that are open now, and whatever else it keeps for a client. */
  connections(): number
  secrets(): string[]
}

export interface HoldWalletUnderTest {
  readonly kind: string
  readonly make: () => Promise<HoldSubject>
  /** Cases it cannot have, each with the reason in a sentence. */
  readonly lacks: Readonly<Record<string, string>>
}
