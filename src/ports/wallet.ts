/** BOLT11 networks by the human-readable prefix that follows `ln`. */
export type Network = 'bc' | 'tb' | 'tbs' | 'bcrt'

/** What a wallet can do; final once `start` has resolved. */
export interface WalletCapabilities {
  /** The smallest amount the wallet can ask for, msat. Prices are rounded up to a multiple of it. */
  readonly unitMsat: bigint
  readonly maxMsat?: bigint
  /** Undefined: not known, so not checked. */
  readonly network: Network | undefined
  /** False where `lookup` cannot tell (a lightning address without LUD-21). */
  readonly lookup: boolean
  /** `resumable`: `settlements` replays from a cursor. `lossy`: a hint only. */
  readonly push: 'resumable' | 'lossy' | 'none'
  /** False: somebody else may read an unpaid invoice's preimage, so a token counts only once `lookup` says settled. */
  readonly preimagePrivate: boolean
  /** How many invoices a minute the wallet's provider allows. */
  readonly mintPerMinute?: number
}

export interface InvoiceRequest {
  readonly amountMsat: bigint
  /** UTF-8, at most 639 bytes (BOLT11 field `d`). */
  readonly description: string
  readonly expirySeconds: number
  /** The same key asks for the same invoice again, where the wallet can. */
  readonly idempotencyKey: string
}

export interface IssuedInvoice {
  /** 64 lower-case hex digits. */
  readonly paymentHash: string
  readonly bolt11: string
  readonly amountMsat: bigint
  /** Unix seconds. */
  readonly expiresAt: number
  /** What `lookup` needs besides the hash: a provider id or a verify URL; equal to the hash where there is none. */
  readonly ref: string
}

export type InvoiceState =
  | { readonly state: 'open' }
  | { readonly state: 'expired' }
  | { readonly state: 'unknown' }
  | { readonly state: 'settled'; readonly receivedMsat?: bigint; readonly settledAtMs?: number }

export interface Settlement {
  readonly paymentHash: string
  readonly receivedMsat?: bigint
  readonly settledAtMs: number
  /** Opaque; resume after it. */
  readonly cursor?: string
}

export interface WalletHealth {
  readonly ok: boolean
  readonly latencyMs: number
  readonly detail?: string
  /** Sentences for the operator: no inbound liquidity, rights the credential should not have, … */
  readonly warnings: readonly string[]
}

export type WalletErrorCode =
  | 'unavailable'
  | 'timeout'
  | 'unauthorized'
  | 'rate_limited'
  | 'bad_amount'
  | 'rejected'
  | 'protocol'

/** What every wallet adapter throws. The message never holds a secret. */
export class WalletError extends Error {
  override readonly name = 'WalletError'
  readonly code: WalletErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: WalletErrorCode, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}

/**
 * A wallet that receives. Calls may be made concurrently; every one ends by its signal's deadline.
 * An adapter never logs or returns a preimage.
 */
export interface Wallet extends AsyncDisposable {
  /** The operator's name for it; stands in the ledger. */
  readonly name: string
  /** The adapter: `dev`, `lnd`, … */
  readonly kind: string
  readonly capabilities: WalletCapabilities
  /** Connects and reads what `capabilities` needs. Must not need more rights than minting does. */
  start(signal: AbortSignal): Promise<void>
  /** @throws WalletError */
  createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice>
  /** @throws WalletError */
  lookup(invoice: Pick<IssuedInvoice, 'paymentHash' | 'ref'>, signal: AbortSignal): Promise<InvoiceState>
  /** At least once each, in order where `push` is `resumable`. May end; the caller starts it again with the last cursor. */
  settlements?(cursor: string | undefined, signal: AbortSignal): AsyncIterable<Settlement>
  health(signal: AbortSignal): Promise<WalletHealth>
}

/** What the development wallet can do besides: pay its own invoices. */
export interface PayingWallet extends Wallet {
  /**
   * Pays one of this wallet's own invoices.
   * @returns the preimage, 64 hex digits
   * @throws WalletError `rejected` when the invoice is not its own, has expired, or was paid before; `PaymentLetGo` when the
   * payment was held and is not taken; `timeout` when it is still held at the end of the signal
   */
  pay(bolt11: string, signal: AbortSignal): Promise<string>
}
