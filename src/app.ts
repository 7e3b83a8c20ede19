import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context as HonoContext } from 'hono'
import type { Context } from './context.ts'
import { errorCatalogue, GatewayError } from './errors.ts'
import type { Gateway } from './gateway/gateway.ts'
import { handle } from './gateway/handle.ts'
import { clientAddress, isOwnMachine } from './gateway/limits/client-address.ts'
import { delayRefusal } from './gateway/limits/slow-refusal.ts'
import { observe } from './gateway/observe.ts'
import { corsHeaders, type MoneyWord, ownHeaders, problemOf, sendProblem } from './gateway/respond.ts'
import { RequestScope } from './gateway/scope.ts'
import { handleUpgrade, refuseUpgrade } from './gateway/upgrade.ts'
import { createSiteApp, type SiteEnvironment } from './site/site-app.ts'

/** What the public listener needs before, and after, everything else is open. */
export interface Shop {
  readonly sitePrefix: string
  /** Undefined while starting or waiting for the ledger. */
  readonly context: () => Context | undefined
}

type C = HonoContext<SiteEnvironment>

/** Every route and middleware of the public listener, in order. */
export function createApp(shop: Shop): Hono<SiteEnvironment> {
  const app = new Hono<SiteEnvironment>()
  app.use(requireContext(shop))
  app.route(shop.sitePrefix, createSiteApp(shop.sitePrefix))
  app.all('*', sell)
  app.onError(answerError)
  return app
}

/** Until the gateway is open it answers 503; then every request gets its scope and, at its end, its access line. */
function requireContext(shop: Shop) {
  return async (c: C, next: () => Promise<void>): Promise<Response | undefined> => {
    const context = shop.context()
    if (!context) return notReady(c)
    const { gateway, clock } = context
    const { clients } = gateway.settings
    const address = clientAddress(c.env.incoming, clients.addresses)
    const scope = new RequestScope(newRequestId(gateway), address, () => clock.monotonicMs())
    c.set('gateway', gateway)
    c.set('scope', scope)
    observe(gateway, c.env.incoming, c.env.outgoing, scope)
    if (!clients.admits(address)) throw new GatewayError('client_refused')
    noteProxy(gateway, c.env.incoming, address)
    await next()
    return undefined
  }
}

/** Says once that limits per client cannot work, where that is so. */
function noteProxy({ use, events, settings }: Gateway, { headers }: IncomingMessage, address: string): void {
  if (use.saidProxy || headers['x-forwarded-for'] === undefined || settings.clients.addresses.hops > 0) return
  if (!isOwnMachine(address)) return
  use.saidProxy = true
  events.proxyNotTrusted()
}

async function sell(c: C): Promise<Response> {
  const { incoming, outgoing } = c.env
  const { gateway, scope } = c.var
  try {
    await handle(gateway, incoming, outgoing, scope)
  } catch (thrown) {
    await answer(gateway, incoming, outgoing, scope, thrown)
  }
  return RESPONSE_ALREADY_SENT
}

/** Errors of the site's routes. */
async function answerError(thrown: unknown, c: C): Promise<Response> {
  const { incoming, outgoing } = c.env
  await answer(c.var.gateway, incoming, outgoing, c.var.scope, thrown)
  return RESPONSE_ALREADY_SENT
}

async function answer(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  thrown: unknown,
): Promise<void> {
  const error = problemOf(thrown)
  await delayRefusal(gateway, outgoing, scope, error)
  if (error.code === 'internal') gateway.events.unexpected('a request failed unexpectedly', thrown, scope.id)
  if (error.code === 'ledger_unavailable') gateway.events.ledgerFailed('request', error.cause)
  // After the head was sent, only a broken connection can still say that the answer is not whole.
  if (outgoing.headersSent) outgoing.destroy()
  else if (!outgoing.destroyed) sendProblem(incoming, outgoing, scope, gateway, error)
}

/** Nothing is known of any payment yet; whoever brings one is to come again with it. */
function notReady(c: C): Response {
  const payment: MoneyWord =
    c.env.incoming.headers.authorization === undefined
      ? { status: 'not-charged', action: 'none' }
      : { status: 'unspent', action: 'retry_same_token' }
  const { status, title } = errorCatalogue.not_ready
  const body = { title, status, code: 'not_ready', payment, retryAfterSeconds: 1 }
  return c.json(body, 503, {
    ...ownHeaders,
    ...corsHeaders,
    'retry-after': '1',
    'cache-control': 'no-store',
    'l402-payment': payment.status,
  })
}

/** 22 characters, unique for any practical purpose. */
const newRequestId = ({ random }: Gateway): string => random(16).toString('base64url')

/** The listener for `upgrade` events. */
export function createUpgradeListener(shop: Shop) {
  return (incoming: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const gateway = shop.context()?.gateway
    try {
      if (!gateway) throw new GatewayError('not_ready')
      handleUpgrade(gateway, incoming, socket, head, newRequestId(gateway))
    } catch (thrown) {
      refuseUpgrade(socket, problemOf(thrown))
    }
  }
}
