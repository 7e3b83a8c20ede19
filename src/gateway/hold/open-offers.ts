import type { HoldLimits, HoldOffer } from '../../ports/holds.ts'

type Counted = Pick<HoldOffer, 'paymentHash' | 'client' | 'sealedRequest'>

/** The open offers of this process, counted, so that an offer too many costs no invoice. */
export class OpenOffers {
  readonly #limits: HoldLimits
  readonly #offers = new Map<string, { client: string; bytes: number }>()
  readonly #ofClient = new Map<string, number>()
  #bytes = 0

  constructor(limits: HoldLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#offers.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @returns false when there are too many, of everybody or of this client */
  add({ paymentHash, client, sealedRequest }: Counted): boolean {
    const { maxOpen, maxBytes, maxPerClient } = this.#limits
    const ofClient = this.#ofClient.get(client) ?? 0
    const bytes = sealedRequest.length
    if (this.#offers.size >= maxOpen || this.#bytes + bytes > maxBytes || ofClient >= maxPerClient) return false
    this.#offers.set(paymentHash, { client, bytes })
    this.#ofClient.set(client, ofClient + 1)
    this.#bytes += bytes
    return true
  }

  remove(paymentHash: string): void {
    const offer = this.#offers.get(paymentHash)
    if (!offer) return
    this.#offers.delete(paymentHash)
    this.#bytes -= offer.bytes
    const left = (this.#ofClient.get(offer.client) ?? 1) - 1
    if (left === 0) this.#ofClient.delete(offer.client)
    else this.#ofClient.set(offer.client, left)
  }
}
