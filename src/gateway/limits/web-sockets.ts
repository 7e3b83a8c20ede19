/** How many WebSockets may be open at the same time. */
export interface WebSocketRules {
  /** Of all clients. */
  readonly webSockets: number
  /** Of one client; undefined: as many as of all. */
  readonly webSocketsPerClient: number | undefined
}

export type WebSocketPlace =
  /** `leave` is to be called when both of its ends are closed; more than once does no harm. */
  { readonly kind: 'taken'; readonly leave: () => void } | { readonly kind: 'full'; readonly limit: 'all' | 'client' }

/**
 * Counts WebSockets from their handshake on. They cost nothing and have no end, so that without a share of their own
 * they could take every connection from those who pay.
 */
export class WebSockets {
  #open = 0
  readonly #byClient = new Map<string, number>()

  /** Open now. */
  get size(): number {
    return this.#open
  }

  /** @param client its prefix; undefined for one that has no limit of its own */
  enter(client: string | undefined, rules: WebSocketRules): WebSocketPlace {
    const { webSockets, webSocketsPerClient = Number.POSITIVE_INFINITY } = rules
    const own = client === undefined ? 0 : (this.#byClient.get(client) ?? 0)
    if (own >= webSocketsPerClient) return { kind: 'full', limit: 'client' }
    if (this.#open >= webSockets) return { kind: 'full', limit: 'all' }
    this.#open++
    if (client !== undefined) this.#byClient.set(client, own + 1)
    let isOpen = true
    const leave = (): void => {
      if (!isOpen) return
      isOpen = false
      this.#open--
      if (client !== undefined) this.#leaveOf(client)
    }
    return { kind: 'taken', leave }
  }

  #leaveOf(client: string): void {
    const left = (this.#byClient.get(client) ?? 0) - 1
    if (left > 0) this.#byClient.set(client, left)
    else this.#byClient.delete(client)
  }
}
