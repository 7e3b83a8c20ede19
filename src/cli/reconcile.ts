import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { PaymentRow, Reports } from '../ledger/sqlite/reports.ts'
import { createWallet } from '../lightning/create-wallet.ts'
import { unknownWallet } from '../ports/books.ts'
import { systemClock } from '../ports/clock.ts'
import type { InvoiceState, Wallet } from '../ports/wallet.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { loadOrExplain } from './load-or-explain.ts'
import { booksOptions, openBooks, readDay } from './open-books.ts'
import { openWallet, walletReason } from './open-wallet.ts'
import { type Column, formatOptions, printRows } from './print-rows.ts'

/** Where ledger and wallet do not say the same. */
interface Difference {
  readonly kind:
    | 'not_received'
    | 'received_less'
    | 'other_wallet'
    /** Agrees, and the books do not have it yet. */
    | 'not_in_books'
    | 'no_answer'
  readonly wallet: string
  readonly service: string | null
  readonly priceMsat: number | null
  readonly receivedMsat: number | null
  readonly paymentHash: string
}

const meaning: Readonly<Record<Difference['kind'], string>> = {
  not_received: 'was redeemed, and its wallet has not received it: its preimage may have leaked',
  received_less: 'brought less than was asked for',
  other_wallet: 'was received by this wallet, and the ledger names another or none; a running gateway puts that right',
  not_in_books: 'was received, and is not in the books; a running gateway adds it',
  no_answer: 'could not be compared: its wallet is not configured, cannot look payments up, or did not answer',
}

const columns: readonly Column<Difference>[] = [
  { heading: 'difference', value: ({ kind }) => kind },
  { heading: 'wallet', value: ({ wallet }) => wallet },
  { heading: 'service', value: ({ service }) => service ?? '' },
  { heading: 'price_sats', value: ({ priceMsat }) => (priceMsat === null ? '' : priceMsat / 1000) },
  { heading: 'received_sats', value: ({ receivedMsat }) => (receivedMsat === null ? '' : receivedMsat / 1000) },
  { heading: 'payment_hash', value: ({ paymentHash }) => paymentHash },
]

const weekMs = 7 * 86_400_000
const mostPayments = 100_000
const atOnce = 4
const lookupTimeoutMs = 10_000
/** A stream that has told nothing for this long has told all. */
const streamIdleMs = 1_500

/** `turnpike reconcile`: compares ledger and wallets, payment by payment, and changes nothing. */
export async function reconcile(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args, options: { ...booksOptions, ...formatOptions, since: { type: 'string' } } })
  const { config } = loadOrExplain(values.config ?? 'gateway.yaml', process.env)
  const fromMs = values.since === undefined ? Date.now() - weekMs : readDay('--since', values.since)
  using books = openBooks({ ...values, data: values.data ?? config.dataDir })
  await using opened = new AsyncDisposableStack()
  const wallets: Wallet[] = []
  for (const settings of config.lightning.wallets) {
    const result = await openWallet(() => createWallet(settings, values.data ?? config.dataDir, systemClock))
    if (result.kind === 'open') wallets.push(opened.use(result.wallet))
    else console.error(`${settings.name}: ${result.reason}`)
  }
  if (wallets.length === 0) throw new CommandError(exitCodes.unavailable, 'No wallet could be asked.')
  const payments = books
    .payments(fromMs, Date.now(), undefined, mostPayments)
    .filter(({ status }) => !['held', 'cancelled'].includes(status))
  const differences = await compareAll(payments, wallets)
  for (const wallet of wallets) differences.push(...(await missed(wallet, books, payments)))
  if (differences.length > 0 || values.json || values.csv) printRows(differences, columns, values)
  if (!values.json && !values.csv) {
    const agree = payments.length - new Set(differences.map(({ paymentHash }) => paymentHash)).size
    console.log(`${differences.length > 0 ? '\n' : ''}${Math.max(0, agree)} of ${payments.length} payments agree.`)
    for (const kind of new Set(differences.map((each) => each.kind))) console.log(`${kind}: ${meaning[kind]}.`)
  }
  return differences.length === 0 ? exitCodes.ok : exitCodes.failed
}

async function compareAll(payments: readonly PaymentRow[], wallets: readonly Wallet[]): Promise<Difference[]> {
  const differences: Difference[] = []
  const waiting = payments.values()
  const worker = async () => {
    for (const payment of waiting) {
      const difference = await compare(payment, wallets)
      if (difference) differences.push(difference)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return differences
}

async function compare(payment: PaymentRow, wallets: readonly Wallet[]): Promise<Difference | undefined> {
  const { service, priceMsat, receivedMsat, paymentHash } = payment
  const found = (kind: Difference['kind'], wallet: string, received: number | null = receivedMsat): Difference => ({
    kind,
    wallet,
    service,
    priceMsat,
    receivedMsat: received,
    paymentHash,
  })
  // The wallet it is said to be with first, then the others, which may have it all the same.
  const named = wallets.filter(({ name }) => name === payment.wallet)
  const others = wallets.filter(({ name }) => name !== payment.wallet)
  let answered = payment.wallet === unknownWallet || named.length > 0
  for (const wallet of [...named, ...others]) {
    const state = await ask(wallet, paymentHash)
    if (state === undefined) answered = false
    if (state?.state !== 'settled') continue
    const received = state.receivedMsat === undefined ? receivedMsat : Number(state.receivedMsat)
    if (wallet.name !== payment.wallet) return found('other_wallet', wallet.name, received)
    if (received !== null && priceMsat !== null && received < priceMsat)
      return found('received_less', wallet.name, received)
    return payment.confirmed === 1 ? undefined : found('not_in_books', wallet.name, received)
  }
  return found(answered ? 'not_received' : 'no_answer', payment.wallet)
}

/** @returns undefined when it cannot tell */
async function ask(wallet: Wallet, paymentHash: string): Promise<InvoiceState | undefined> {
  if (!wallet.capabilities.lookup) return undefined
  try {
    return await wallet.lookup({ paymentHash, ref: paymentHash }, AbortSignal.timeout(lookupTimeoutMs))
  } catch (thrown) {
    console.error(`${wallet.name}: ${walletReason(thrown)}`)
    return undefined
  }
}

/** What the wallet's own stream tells after the place up to which the books have followed it. */
async function missed(wallet: Wallet, books: Reports, compared: readonly PaymentRow[]): Promise<Difference[]> {
  const cursor = books.wallets().find(({ name }) => name === wallet.name)?.cursor
  if (wallet.capabilities.push !== 'resumable' || !wallet.settlements || typeof cursor !== 'string') return []
  const known = new Set(compared.map(({ paymentHash }) => paymentHash))
  const ending = new AbortController()
  const differences: Difference[] = []
  let lastMs = performance.now()
  const reading = (async () => {
    for await (const { paymentHash, receivedMsat } of wallet.settlements?.(cursor, ending.signal) ?? []) {
      lastMs = performance.now()
      if (known.has(paymentHash) || books.knows(paymentHash)) continue
      const received = receivedMsat === undefined ? null : Number(receivedMsat)
      const unknown = { service: null, priceMsat: null, receivedMsat: received, paymentHash }
      differences.push({ kind: 'not_in_books', wallet: wallet.name, ...unknown })
    }
  })().catch((thrown: unknown) => {
    if (!ending.signal.aborted) console.error(`${wallet.name}: ${walletReason(thrown)}`)
  })
  while (performance.now() - lastMs < streamIdleMs) await sleep(100)
  ending.abort()
  await reading
  return differences
}
