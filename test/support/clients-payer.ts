import type { TestGateway } from './gateway.ts'

/** The wallet of an agent that pays whatever it is asked, up to a number of payments that means it is being drained. */
export class Payer {
  readonly #gateway: () => TestGateway
  readonly #limit: number
  readonly paid: string[] = []

  constructor(gateway: () => TestGateway, limit = 10) {
    this.#gateway = gateway
    this.#limit = limit
  }

  readonly pay = async (invoice: string): Promise<string> => {
    if (this.paid.length >= this.#limit) throw new Error(`asked to pay ${this.#limit + 1} times`)
    this.paid.push(invoice)
    return await this.#gateway().wallet.pay(invoice)
  }
}
