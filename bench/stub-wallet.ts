import { createHash, randomBytes } from 'node:crypto'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import type { InvoiceRequest, IssuedInvoice, Wallet } from '#src/ports/wallet.ts'

/** A wallet that answers at once with one invoice made in advance: what is left is the gateway's own work. */
export function openStubWallet(): Wallet {
  const secretKey = randomBytes(32)
  const paymentHash = createHash('sha256').update(randomBytes(32)).digest('hex')
  const made = new Map<bigint, IssuedInvoice>()
  const issue = ({ amountMsat, description }: InvoiceRequest): IssuedInvoice => {
    const timestamp = Math.floor(Date.now() / 1000)
    const expirySeconds = 86_400
    const bolt11 = encodeInvoice(
      { network: 'bcrt', amountMsat, paymentHash, paymentSecret: paymentHash, description, timestamp, expirySeconds },
      secretKey,
    )
    return { paymentHash, bolt11, amountMsat, expiresAt: timestamp + expirySeconds, ref: paymentHash }
  }
  return {
    name: 'stub',
    kind: 'dev',
    capabilities: { unitMsat: 1n, network: 'bcrt', lookup: false, push: 'none', preimagePrivate: true },
    start: () => Promise.resolve(),
    createInvoice(request) {
      let invoice = made.get(request.amountMsat)
      if (!invoice) made.set(request.amountMsat, (invoice = issue(request)))
      return Promise.resolve(invoice)
    },
    lookup: () => Promise.resolve({ state: 'unknown' }),
    health: () => Promise.resolve({ ok: true, latencyMs: 0, warnings: [] }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
