import { setTimeout as sleep } from 'node:timers/promises'
import type { Books } from '../../ports/books.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { OpenInvoices } from '../open-invoices.ts'

export interface KeptInvoicesOptions {
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly books: Pick<Books, 'keepInvoices'>
  readonly requireSettled: boolean
  /** True for wallets that tell the next process by themselves what was paid meanwhile. */
  readonly resumes: (wallet: ManagedWallet) => boolean
  readonly onTrouble: (operation: string, cause: unknown) => void
}

const everyMs = 1_000

/**
 * Open invoices for the next process. Where a token counts only once its wallet says that it is paid, and that can only be
 * asked with what the wallet gave along with the invoice, they are kept every second: a process that is killed must not
 * take that with it. Otherwise they are kept at the end alone, and a challenge writes nothing.
 */
export class KeptInvoices {
  readonly #options: KeptInvoicesOptions
  /** Undefined: what an earlier process kept. */
  #kept: string | undefined

  constructor(options: KeptInvoicesOptions) {
    this.#options = options
  }

  /** @param lifetime ends it */
  async follow(lifetime: AbortSignal): Promise<void> {
    while (!lifetime.aborted) {
      if (this.#wouldBeLost()) await this.keep()
      await sleep(everyMs, undefined, { signal: lifetime, ref: false }).catch(() => undefined)
    }
  }

  /** Keeps them now, if they are others than before. Never throws. */
  async keep(): Promise<void> {
    const { wallets, invoices, books, resumes, onTrouble } = this.#options
    const open = wallets.filter((wallet) => !resumes(wallet)).flatMap(({ name }) => invoices.kept(name))
    const hashes = open.map(({ paymentHash }) => paymentHash).join()
    if (hashes === this.#kept) return
    try {
      await books.keepInvoices(open)
      this.#kept = hashes
    } catch (thrown) {
      onTrouble('keepInvoices', thrown)
    }
  }

  #wouldBeLost(): boolean {
    const { wallets, invoices, requireSettled } = this.#options
    return wallets.some(
      ({ name, wallet }) =>
        (requireSettled || !wallet.capabilities.preimagePrivate) &&
        invoices.unpaid(name).some(({ paymentHash, ref }) => ref !== paymentHash),
    )
  }
}
