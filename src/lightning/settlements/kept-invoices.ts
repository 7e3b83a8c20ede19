import type { Books } from '../../ports/books.ts'
import type { ManagedWallet } from '../managed-wallet.ts'
import type { KnownInvoice, OpenInvoices } from '../open-invoices.ts'

export interface KeptInvoicesOptions {
  readonly wallets: readonly ManagedWallet[]
  readonly invoices: OpenInvoices
  readonly books: Pick<Books, 'keepInvoices'>
  readonly requireSettled: boolean
  /** True for wallets that tell the next process by themselves what was paid meanwhile. */
  readonly resumes: (wallet: ManagedWallet) => boolean
  readonly onTrouble: (operation: string, cause: unknown) => void
}

/**
 * Invoices that must outlive this process. Where a token counts only once its wallet says that it is paid, and that can
 * only be asked with what the wallet gave along with the invoice, it is kept before anybody sees the invoice, and as long
 * as the token: a buyer who has paid must find it whatever became of the wallet and of this process meanwhile. Otherwise
 * those that are open are kept at the end alone, and a challenge writes nothing.
 */
export class KeptInvoices {
  readonly #options: KeptInvoicesOptions

  constructor(options: KeptInvoicesOptions) {
    this.#options = options
  }

  /** Keeps an invoice that was just made, where its buyer could be lost without. @throws LedgerError */
  async keepMade(invoice: KnownInvoice): Promise<void> {
    const { wallets, invoices, books, requireSettled, resumes } = this.#options
    const maker = wallets.find(({ name }) => name === invoice.wallet)
    if (!maker || invoice.ref === invoice.paymentHash || resumes(maker)) return
    // Once it is forgotten who made it, the word of any of them is asked for.
    if (requireSettled || wallets.some(({ wallet }) => !wallet.capabilities.preimagePrivate)) {
      await books.keepInvoices([invoices.kept(invoice)])
    }
  }

  /** Keeps those that are open, for the next process to look for. Never throws. */
  async keepOpen(): Promise<void> {
    const { wallets, invoices, books, resumes, onTrouble } = this.#options
    const asked = wallets.filter((wallet) => !resumes(wallet))
    const open = asked.flatMap(({ name }) => [...invoices.unpaid(name)].map((invoice) => invoices.kept(invoice)))
    if (open.length === 0) return
    try {
      await books.keepInvoices(open)
    } catch (thrown) {
      onTrouble('keepInvoices', thrown)
    }
  }
}
