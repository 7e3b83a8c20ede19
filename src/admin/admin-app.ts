import { createHash, timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { longestHoldMs, PaymentLetGo } from '../ports/hold-wallet.ts'
import { type PayingWallet, type Wallet, WalletError } from '../ports/wallet.ts'
import { type Commands, createCommandsApp } from './commands-app.ts'

export interface AdminOptions {
  readonly health: Hono
  /** Undefined while the gateway is starting. */
  readonly wallets: () => readonly Wallet[] | undefined
  readonly commands?: () => Commands | undefined
  /** Bearer token; undefined: anyone who reaches the listener. */
  readonly token: string | undefined
  /** Whether the Host header is a name of this listener. */
  readonly isOwnHost: (host: string) => boolean
}

/** A payment that is held ends by then: the longest hold, and a minute to decide and to tell the wallet. */
const payTimeoutMs = longestHoldMs + 60_000

/** The operator's listener. */
export function createAdminApp(options: AdminOptions): Hono {
  const app = new Hono()
  app.use(async (c, next) => {
    await next()
    c.header('x-content-type-options', 'nosniff')
    c.header('cache-control', 'no-store')
  })
  // A web page in the operator's browser can send requests to loopback; it cannot choose this header.
  app.use(async (c, next) => {
    const host = (c.req.header('host') ?? '').toLowerCase()
    if (options.token === undefined && !options.isOwnHost(host)) return c.json({ error: 'unknown host' }, 403)
    return await next()
  })
  app.route('/', options.health)
  app.use(async (c, next) => {
    if (options.token === undefined || isBearer(c.req.header('authorization'), options.token)) return await next()
    return c.json({ error: 'a bearer token is needed' }, 401, { 'www-authenticate': 'Bearer' })
  })
  app.post('/dev/pay', limited, async (c) => {
    const wallets = options.wallets()
    if (!wallets) return c.json({ error: 'the gateway is starting' }, 503)
    const payers = wallets.filter(canPay)
    if (payers.length === 0) return c.json({ error: 'only the development wallet pays its own invoices' }, 404)
    if (c.req.header('content-type')?.split(';')[0] !== 'application/json') return c.json({ error: 'send JSON' }, 415)
    const body: unknown = await c.req.json().catch(() => undefined)
    const invoice = typeof body === 'object' && body !== null && 'invoice' in body ? body.invoice : undefined
    if (typeof invoice !== 'string') return c.json({ error: 'send {"invoice": "lnbcrt…"}' }, 400)
    try {
      const preimage = await payWithAny(
        payers,
        invoice,
        AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(payTimeoutMs)]),
      )
      return c.json({ preimage, fees_paid: 0 })
    } catch (thrown) {
      if (!(thrown instanceof WalletError)) throw thrown
      const code = thrown instanceof PaymentLetGo ? 'let_go' : thrown.code
      return c.json({ error: thrown.message, code }, thrown.code === 'rejected' ? 409 : 400)
    }
  })
  app.use(limited)
  app.route('/', createCommandsApp(options.commands ?? (() => undefined)))
  app.onError((_error, c) => c.json({ error: 'internal error' }, 500))
  app.notFound((c) => c.json({ error: 'not found' }, 404))
  return app
}

const limited = bodyLimit({ maxSize: 16 * 1024, onError: (c) => c.json({ error: 'the body is too large' }, 413) })
/** Each knows its own invoices and refuses the others'. @throws WalletError of the last one asked */
async function payWithAny(payers: readonly PayingWallet[], invoice: string, signal: AbortSignal): Promise<string> {
  let refusal: unknown
  for (const payer of payers) {
    try {
      return await payer.pay(invoice, signal)
    } catch (thrown) {
      // What one of them held is nothing to ask the others about.
      if (thrown instanceof PaymentLetGo || signal.aborted) throw thrown
      refusal = thrown
    }
  }
  throw refusal
}

const canPay = (wallet: Wallet): wallet is PayingWallet => 'pay' in wallet && typeof wallet.pay === 'function'

/** Whether an `Authorization` header brings the token, in a time that does not tell how nearly. */
export function isBearer(header: string | undefined, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(header ?? '')?.[1]
  if (given === undefined) return false
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token))
}
