const maxKeys = 10_000

/**
 * Remembers which idempotency keys a wallet was asked with, for APIs that take a reference of ours without keeping it
 * unique: only a key met before is worth the search for the invoice that a lost answer may have held. The oldest are
 * forgotten first, and all of them with the process.
 */
export class AttemptedKeys {
  readonly #keys = new Set<string>()

  /** @returns whether the key was met before */
  meet(key: string): boolean {
    if (this.#keys.has(key)) return true
    if (this.#keys.size >= maxKeys) {
      const [oldest] = this.#keys
      if (oldest !== undefined) this.#keys.delete(oldest)
    }
    this.#keys.add(key)
    return false
  }
}
