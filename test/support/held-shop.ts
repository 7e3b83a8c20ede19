import type { LedgerWithBooks } from '#src/ledger/sqlite/sqlite-ledger.ts'
import type { TestGateway } from './gateway.ts'

/** A configuration that sells `POST /make` for 7 sats, charged on delivery. */
export const sellsHeld = (upstream: string, { hold = '20s', lines = '', top = '' } = {}): string => `
defaults: { breaker: off }
${top}
services:
  POST /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
    charge: { on_delivery: { hold: ${hold} } }
${lines}
`

/** The held payments of a running gateway. */
export const holdsIn = ({ running }: TestGateway) => (running.context.ledger as LedgerWithBooks).holds

/** What the ledger says of a payment, its job and the wallet of it. */
export async function heldStates(gateway: TestGateway, paymentHash: string) {
  const record = await gateway.running.context.ledger.read(paymentHash)
  const wallet = await gateway.wallet.node.lookupHold(paymentHash, AbortSignal.timeout(5_000))
  return [record?.state, record?.job.state, wallet]
}
