/** What an operator should know about a kind of wallet, whatever state it is in. */

const unpaidInvoices: Readonly<Record<string, string>> = {
  lnd: 'lnd keeps every unpaid invoice unless it is told otherwise: set `gc-canceled-invoices-on-startup=true` and `gc-canceled-invoices-on-the-fly=true` in lnd.conf, with bbolt also `db.bolt.auto-compact=true`.',
  cln: 'Core Lightning keeps every unpaid invoice unless it is told otherwise: set `autoclean-expiredinvoices-age=86400` and `autoclean-cycle=3600` in its config.',
  phoenixd:
    'phoenixd keeps every unpaid invoice and has no setting for it; a lower `lightning.max_open_invoices` slows the growth.',
  lnbits:
    'LNbits keeps unpaid invoices until it is told otherwise: let its administrator set `Delete expired invoices`, and set the clean-up of the node behind it.',
  btcpay: 'BTCPay Server leaves unpaid invoices to the Lightning node behind it: set the clean-up of that node.',
}

/** How the wallet gets rid of invoices that nobody paid; undefined: nothing is to be done. */
export const unpaidInvoiceAdvice = (kind: string): string | undefined => unpaidInvoices[kind]
