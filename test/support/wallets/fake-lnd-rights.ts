import { status } from '@grpc/grpc-js'

/** The rights of lnd that a call takes, as its rpcserver.go and invoicesrpc have them. */
const rightsOf: Readonly<Record<string, string>> = {
  AddInvoice: 'invoices:write',
  LookupInvoice: 'invoices:read',
  SubscribeInvoices: 'invoices:read',
  AddHoldInvoice: 'invoices:write',
  LookupInvoiceV2: 'invoices:write',
  SubscribeSingleInvoice: 'invoices:read',
  SettleInvoice: 'invoices:write',
  CancelInvoice: 'invoices:write',
  GetInfo: 'info:read',
  ChannelBalance: 'offchain:read',
}

const holds = new Set(['AddHoldInvoice', 'LookupInvoiceV2', 'SubscribeSingleInvoice', 'SettleInvoice', 'CancelInvoice'])

/** What lnd says to a macaroon with these rights, or to one that is not its own. */
export function refusalOf(rights: readonly string[] | undefined, call: string) {
  if (!rights)
    return { code: status.UNKNOWN, details: 'verification failed: signature mismatch after caveat verification' }
  const service = holds.has(call) ? 'invoicesrpc.Invoices' : 'lnrpc.Lightning'
  if (rights.includes(`uri:/${service}/${call}`) || rights.includes(rightsOf[call] ?? '')) return undefined
  return { code: status.UNKNOWN, details: 'permission denied' }
}
