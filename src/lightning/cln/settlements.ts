import { type Settlement, WalletError } from '../../ports/wallet.ts'
import { type ClnRpc, rpcCode } from './cln-rpc.ts'
import { type PaidInvoice, paidInvoice } from './replies.ts'

/** Below the five minutes after which common proxies cut a silent connection. */
const waitSeconds = 50
/** A link that died silently is noticed after this. */
const answerWithinMs = (waitSeconds + 10) * 1000
/** More than one node ever settled. */
const maxPayIndexBits = 52

/**
 * The first payment after `payIndex`; none within the time: undefined (code 904 inside an HTTP 500).
 * @throws WalletError
 */
async function paidAfter(
  rpc: ClnRpc,
  payIndex: number,
  timeout: number,
  signal: AbortSignal,
): Promise<PaidInvoice | undefined> {
  const outcome = await rpc.attempt('waitanyinvoice', { lastpay_index: payIndex, timeout }, signal)
  if (outcome.kind === 'result') return rpc.read('waitanyinvoice', outcome.reply, paidInvoice)
  if (outcome.code === rpcCode.waitTimeout) return undefined
  throw rpc.refusal('waitanyinvoice', outcome)
}

/** Every payment after the given index, in order, as long as the signal lets it. */
export async function* paymentsAfter(
  rpc: ClnRpc,
  payIndex: number,
  signal: AbortSignal,
): AsyncGenerator<Settlement, void, void> {
  let last = payIndex
  while (!signal.aborted) {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)])
    let paid: PaidInvoice | undefined
    try {
      paid = await paidAfter(rpc, last, waitSeconds, deadline)
    } catch (thrown) {
      if (signal.aborted) return
      throw thrown
    }
    if (!paid) continue
    if (paid.pay_index <= last) {
      throw new WalletError('protocol', 'Core Lightning answered waitanyinvoice with a payment of before.')
    }
    last = paid.pay_index
    yield {
      paymentHash: paid.payment_hash,
      receivedMsat: BigInt(paid.amount_received_msat),
      settledAtMs: paid.paid_at * 1000,
      cursor: String(paid.pay_index),
    }
  }
}

/**
 * The index of the last payment there is, without reading them all: payments lie close together, so the place after
 * which there is none is found by doubling and halving.
 */
export async function lastPayIndex(rpc: ClnRpc, signal: AbortSignal): Promise<number> {
  const after = (payIndex: number) => paidAfter(rpc, payIndex, 0, signal)
  const first = await after(0)
  if (!first) return 0
  let known = first.pay_index
  let none: number | undefined
  for (let step = 1; none === undefined && step < 2 ** maxPayIndexBits; step *= 2) {
    const paid = await after(known + step)
    if (paid) known = paid.pay_index
    else none = known + step
  }
  while (none !== undefined && known < none) {
    const middle = Math.floor((known + none) / 2)
    const paid = await after(middle)
    if (paid) known = paid.pay_index
    else none = middle
  }
  return known
}
