import { EventEmitter, once } from 'node:events'
import { reach } from '../../failpoints.ts'
import { type HoldState, PaymentLetGo } from '../../ports/hold-wallet.ts'
import { WalletError } from '../../ports/wallet.ts'
import { isOver, preimageBytes, rejected } from '../hold-progress.ts'
import { type Hold, HoldFile } from './hold-file.ts'

/** The held payments of the development wallet, and those who wait for them. */
export class DevHolds implements Disposable {
  readonly #file: HoldFile
  readonly #changed = new EventEmitter<{ change: [] }>()
  readonly #onSettled: (hold: Hold) => void
  #closed = false

  /**
   * @param onSettled writes the payment down; called before the hold counts as settled, perhaps more than once
   * @throws WalletError
   */
  constructor(file: string, onSettled: (hold: Hold) => void) {
    this.#file = new HoldFile(file)
    this.#onSettled = onSettled
    // One listener for each that waits, of which there may be any number.
    this.#changed.setMaxListeners(0)
  }

  open(hold: Pick<Hold, 'paymentHash' | 'bolt11' | 'amountMsat' | 'expiresAt'>): Hold {
    return this.#file.open(hold)
  }

  find(paymentHash: string): Hold | undefined {
    return this.#file.find(paymentHash)
  }

  state(paymentHash: string): HoldState {
    return this.#file.find(paymentHash)?.state ?? 'unknown'
  }

  /** Ends after `settled` and `cancelled`, and when the wallet is closed or the signal aborts. */
  async *states(paymentHash: string, signal: AbortSignal): AsyncGenerator<HoldState, void, void> {
    let shown: HoldState | undefined
    while (!this.#closed && !signal.aborted) {
      const state = this.state(paymentHash)
      if (state !== shown) yield state
      shown = state
      if (isOver(state)) return
      // No change can come between the read and the wait: both happen before anything else runs.
      if (this.state(paymentHash) === shown) await this.#change(signal)
    }
  }

  /**
   * Pays, as a buyer's wallet would: locks the payment in and waits until it is taken or let go. Paying again while it
   * is held waits for the same end, and after it was taken tells the preimage again.
   * @returns the preimage
   * @throws PaymentLetGo
   * @throws WalletError `rejected` when the invoice has expired, `timeout` when the signal aborts; the payment stays held then
   */
  async pay(paymentHash: string, nowMs: number, signal: AbortSignal): Promise<string> {
    const hold = this.#file.find(paymentHash)
    if (hold?.state === 'open' && nowMs >= hold.expiresAt * 1000) {
      throw rejected(`The invoice expired at ${new Date(hold.expiresAt * 1000).toISOString()}; ask for a new one.`)
    }
    if (this.#file.change(paymentHash, 'open', 'accepted')) this.#changed.emit('change')
    for await (const state of this.states(paymentHash, signal)) {
      if (state === 'settled') return this.#file.find(paymentHash)?.preimage ?? ''
      if (state === 'cancelled') throw new PaymentLetGo()
    }
    throw new WalletError('timeout', 'The payment is held and neither taken nor let go yet; pay again to wait for it.')
  }

  settle(paymentHash: string, preimage: string): void {
    const hold = this.#find(paymentHash)
    preimageBytes(paymentHash, preimage)
    if (hold.state === 'settled') return
    if (hold.state === 'cancelled') throw rejected('The invoice was cancelled already.')
    if (hold.state === 'open') throw rejected('Nothing is held for this invoice: it is still open.')
    this.#onSettled(hold)
    reach('wallet_settling')
    this.#file.change(paymentHash, 'accepted', 'settled', preimage)
    this.#changed.emit('change')
  }

  cancel(paymentHash: string): void {
    const { state } = this.#find(paymentHash)
    if (state === 'settled') throw rejected('The payment was taken already.')
    for (const from of ['accepted', 'open'] as const) this.#file.change(paymentHash, from, 'cancelled')
    this.#changed.emit('change')
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#changed.emit('change')
    this.#file[Symbol.dispose]()
  }

  #find(paymentHash: string): Hold {
    const hold = this.#file.find(paymentHash)
    if (!hold) throw rejected('The development wallet has made no hold invoice with this payment hash.')
    return hold
  }

  async #change(signal: AbortSignal): Promise<void> {
    try {
      await once(this.#changed, 'change', { signal })
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }
}
