/** What happens between the gateway and its wallets. Changes of state are told once, not once a request. */
export interface WalletEvents {
  /** One call ended. `outcome` is `ok` or the code of the wallet's error. */
  walletCalled(wallet: string, operation: 'create' | 'lookup', outcome: string, ms: number): void
  /** A wallet connected at last, answers again, cannot be started, or is left alone for a while. */
  walletChanged(wallet: string, change: WalletChange): void
  /** Something about a wallet that the operator should see to. */
  walletWarned(wallet: string, warning: string): void
  /** Selling stopped, with the reason, or goes on. */
  sellingChanged(stopped: string | undefined): void
  /** The stream of settlements broke off, with the reason, or is there again. */
  settlementsChanged(wallet: string, interrupted: string | undefined): void
  /** A wallet says that it has received a payment; told once for each. */
  settled(wallet: string, receivedMsat: bigint | undefined): void
  /** A payment was redeemed that no wallet says it has received. */
  settlementMissing(wallet: string): void
}

export type WalletChange =
  | { readonly kind: 'ready'; readonly walletKind: string; readonly network: string; readonly unitMsat: bigint }
  | { readonly kind: 'not_started'; readonly reason: string }
  | { readonly kind: 'paused'; readonly reason: string; readonly forMs: number }
  | { readonly kind: 'resumed' }
