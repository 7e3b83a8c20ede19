import type { Payment } from './buyer.ts'
import type { TestGateway } from './gateway.ts'

/** A configuration that sells `POST /make` for 7 sats. @param lines more of that service, in YAML */
export const makeShop = (upstream: string, lines: string | readonly string[] = []): string =>
  `services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
${[lines]
  .flat()
  .map((line) => `    ${line}\n`)
  .join('')}`

export const aRequest = { path: '/make', body: { prompt: 'a cat' } } as const

/** The row of a payment, read from the running gateway's ledger. */
export const rowIn = (gateway: TestGateway, { paymentHash }: Pick<Payment, 'paymentHash'>) =>
  gateway.running.context.ledger.read(paymentHash)

/** Resolves when no job runs. */
export const idle = (gateway: TestGateway): Promise<void> => gateway.running.context.gateway.jobs.idle()
