import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Wallets answer within milliseconds or, over a relay, seconds. */
const callSeconds = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** How many open invoices each wallet has. */
export type OpenInvoiceCounts = () => ReadonlyMap<string, number>

export class WalletMetrics {
  readonly calls: Histogram<'wallet' | 'operation' | 'outcome'>
  readonly up: Gauge<'wallet'>
  readonly following: Gauge<'wallet'>
  readonly settled: Counter<'wallet'>
  readonly settledSats: Counter<'wallet'>
  readonly settlementMissing: Counter<'wallet'>
  readonly notIssued: Counter<'reason'>
  #openInvoices: OpenInvoiceCounts = () => new Map()

  constructor(registry: Registry) {
    const registers = [registry]
    const named = <T extends string>(name: string, help: string, labelNames: T[]) => {
      return { name: `turnpike_${name}`, help, labelNames, registers }
    }
    this.calls = new Histogram({
      ...named('wallet_call_duration_seconds', 'Calls to wallets', ['wallet', 'operation', 'outcome']),
      buckets: callSeconds,
    })
    this.up = new Gauge(named('wallet_up', '1: invoices are asked of this wallet; 0: it is left alone', ['wallet']))
    const following = '1: settlements come as they are made; 0: the stream is interrupted'
    this.following = new Gauge(named('wallet_settlements_followed', following, ['wallet']))
    this.settled = new Counter(named('settled_total', 'Payments that a wallet says it has received', ['wallet']))
    this.settledSats = new Counter(named('settled_sats_total', 'Sats of them, where the wallet says', ['wallet']))
    const missing = 'Redeemed payments that no wallet says it has received: an alert to set'
    this.settlementMissing = new Counter(named('settlement_missing_total', missing, ['wallet']))
    this.notIssued = new Counter(named('challenges_refused_total', 'Requests that got no invoice', ['reason']))
    const counts = () => this.#openInvoices()
    new Gauge({
      ...named('open_invoices', 'Unpaid invoices that count towards the limit', ['wallet']),
      collect() {
        this.reset()
        for (const [wallet, count] of counts()) this.set({ wallet }, count)
      },
    })
  }

  watchOpenInvoices(counts: OpenInvoiceCounts): void {
    this.#openInvoices = counts
  }
}
