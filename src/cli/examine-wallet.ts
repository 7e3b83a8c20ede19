import { randomBytes } from 'node:crypto'
import { unpaidInvoiceAdvice } from '../lightning/advice.ts'
import { checkIssued } from '../lightning/check-issued.ts'
import { networkName } from '../lightning/network-name.ts'
import type { Wallet } from '../ports/wallet.ts'
import { openWallet, walletReason } from './open-wallet.ts'

export interface Finding {
  /** `ok` as it should be, `note` good to know, `warn` to be seen to, `fail` nothing can be sold with it. */
  readonly level: 'ok' | 'note' | 'warn' | 'fail'
  readonly text: string
}

/** What the configuration asks of the wallet. */
export interface Wish {
  readonly requireSettled: boolean
  readonly mintPerMinute: number | undefined
}

const callTimeoutMs = 15_000
const testExpirySeconds = 60
/** As good as no limit. */
const allBitcoinMsat = 2_100_000_000_000_000_000n

/**
 * Connects a wallet, looks at what it can do, and has it make one invoice that nobody gets to see. The wallet is closed
 * afterwards.
 */
export async function examineWallet(make: () => Promise<Wallet>, wish: Wish): Promise<Finding[]> {
  const opened = await openWallet(make)
  if (opened.kind === 'failed') return [{ level: 'fail', text: opened.reason }]
  await using wallet = opened.wallet
  const findings: Finding[] = [{ level: 'ok', text: `Connected in ${Math.round(opened.startMs)} ms.` }]
  findings.push(...abilities(wallet, wish), ...(await health(wallet)), ...(await testInvoice(wallet)))
  const advice = unpaidInvoiceAdvice(wallet.kind)
  if (advice !== undefined) findings.push({ level: 'note', text: advice })
  return findings
}

function abilities({ name, capabilities }: Wallet, wish: Wish): Finding[] {
  const { network, unitMsat, maxMsat, lookup, push, preimagePrivate, mintPerMinute } = capabilities
  const unit = unitMsat === 1n ? '1 msat' : `${Number(unitMsat) / 1000} sat`
  const findings: Finding[] = [
    network === undefined
      ? {
          level: 'warn',
          text: 'It does not say which network it is on; write `network` in its block, so that invoices of another one are refused.',
        }
      : { level: 'ok', text: `Network ${networkName(network)}.` },
    {
      level: 'ok',
      text: `It asks for amounts in steps of ${unit}${maxMsat === undefined || maxMsat >= allBitcoinMsat ? '' : `, ${Number(maxMsat) / 1000} sats at most`}.`,
    },
  ]
  const tells = lookup || push === 'resumable'
  const needed = wish.requireSettled || !preimagePrivate
  if (needed && !tells) {
    const text = `The wallet ${name} cannot tell whether a payment has settled, which is needed here; take \`require_settled\` away where it is set, or use another wallet.`
    findings.push({ level: 'fail', text })
  } else if (!tells) {
    findings.push({
      level: 'note',
      text: 'It cannot tell whether a payment has settled, so the books rest on the preimages that are presented.',
    })
  } else if (!preimagePrivate) {
    findings.push({
      level: 'note',
      text: 'Others can read preimages of its unpaid invoices, so each payment is taken only once it says that it has settled.',
    })
  }
  const perMinute = wish.mintPerMinute ?? mintPerMinute
  if (perMinute !== undefined)
    findings.push({ level: 'note', text: `It makes ${perMinute} invoices a minute at most.` })
  return findings
}

async function health(wallet: Wallet): Promise<Finding[]> {
  try {
    const { ok, detail, warnings } = await wallet.health(AbortSignal.timeout(callTimeoutMs))
    const findings: Finding[] = warnings.map((text) => ({ level: 'warn', text }))
    if (!ok) findings.push({ level: 'fail', text: detail ?? 'It says that it is not well.' })
    else if (detail !== undefined) findings.push({ level: 'ok', text: detail })
    return findings
  } catch (thrown) {
    return [{ level: 'fail', text: walletReason(thrown) }]
  }
}

/** Asks for one invoice, as a sale would. Nobody gets to see it, and it expires within a minute. */
async function testInvoice(wallet: Wallet): Promise<Finding[]> {
  const { unitMsat, network, lookup } = wallet.capabilities
  const amountMsat = unitMsat > 1000n ? unitMsat : ((1000n + unitMsat - 1n) / unitMsat) * unitMsat
  const order = { amountMsat, description: 'Turnpike doctor: a test, not to be paid', expirySeconds: testExpirySeconds }
  try {
    const begunMs = performance.now()
    const request = { ...order, idempotencyKey: randomBytes(16).toString('hex') }
    const issued = await wallet.createInvoice(request, AbortSignal.timeout(callTimeoutMs))
    const tookMs = Math.round(performance.now() - begunMs)
    checkIssued(issued, request, { network, nowMs: Date.now() })
    const sats = Number(amountMsat) / 1000
    const findings: Finding[] = [
      {
        level: 'ok',
        text: `A test invoice of ${sats} ${sats === 1 ? 'sat' : 'sats'} was made in ${tookMs} ms, and is what was asked for.`,
      },
    ]
    if (!lookup) return findings
    const { state } = await wallet.lookup(issued, AbortSignal.timeout(callTimeoutMs))
    const known = state === 'open'
    findings.push({
      level: known ? 'ok' : 'fail',
      text: known
        ? 'It finds that invoice again, unpaid.'
        : `It says that the invoice it has just made is ${state}; its credential may not be allowed to look invoices up.`,
    })
    return findings
  } catch (thrown) {
    return [{ level: 'fail', text: `No test invoice could be made and found again. ${walletReason(thrown)}` }]
  }
}
