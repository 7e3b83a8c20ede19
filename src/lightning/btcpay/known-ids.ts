const maxIds = 10_000

/** Greenfield finds an invoice by its own id only; this remembers the ids of the latest invoices by their hash. */
export class KnownIds {
  readonly #ids = new Map<string, string>()

  remember(paymentHash: string, id: string): void {
    if (this.#ids.size >= maxIds) {
      const [oldest] = this.#ids.keys()
      if (oldest !== undefined) this.#ids.delete(oldest)
    }
    this.#ids.set(paymentHash, id)
  }

  /** The hash itself where no id is known: lnd's invoices go by it. */
  idOf(paymentHash: string): string {
    return this.#ids.get(paymentHash) ?? paymentHash
  }
}
