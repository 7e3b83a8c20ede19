import { randomBytes } from 'node:crypto'
import { encodeMacaroon, mintMacaroon } from '#src/l402/macaroon.ts'

/** The rights that `lncli bakemacaroon` is told to give in the manual. */
export const bakedRights = ['AddInvoice', 'LookupInvoice', 'SubscribeInvoices'].map(
  (call) => `uri:/lnrpc.Lightning/${call}`,
)
/** What it is told besides, to hold payments. */
export const holdRights = [
  'AddHoldInvoice',
  'LookupInvoiceV2',
  'SubscribeSingleInvoice',
  'SettleInvoice',
  'CancelInvoice',
].map((call) => `uri:/invoicesrpc.Invoices/${call}`)
/** Those of the `invoice.macaroon` that lnd makes by itself. */
export const stockInvoiceRights = ['invoices:read', 'invoices:write', 'address:read', 'address:write', 'onchain:read']

const bytes = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(field * 8 + 2, value.length), value])

/** A macaroon as lnd bakes it, as hex: the rights stand in its identifier. */
export function bakeMacaroon(rights: readonly string[], caveats: readonly string[] = []): string {
  const operations = rights.map((right) => {
    const colon = right.indexOf(':')
    const [entity, action] = [right.slice(0, colon), right.slice(colon + 1)]
    return bytes(3, Buffer.concat([bytes(1, Buffer.from(entity)), bytes(2, Buffer.from(action))]))
  })
  const identifier = Buffer.concat([Buffer.of(3), bytes(1, randomBytes(16)), bytes(2, Buffer.from('0')), ...operations])
  return encodeMacaroon(mintMacaroon(randomBytes(32), { location: 'lnd', identifier, caveats })).toString('hex')
}
