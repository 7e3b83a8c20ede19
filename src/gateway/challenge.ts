import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Service } from '../catalog/service.ts'
import { type ErrorCode, errorCatalogue, GatewayError } from '../errors.ts'
import type { Binding, Terms } from '../l402/caveats.ts'
import { challengeLines } from '../l402/challenge.ts'
import { randomBytesNeeded } from '../l402/identifier.ts'
import { mintToken } from '../l402/token.ts'
import type { IssuedBy, Order } from '../ports/issuer.ts'
import { LedgerError } from '../ports/ledger.ts'
import { WalletError } from '../ports/wallet.ts'
import type { Price } from '../pricing/price.ts'
import type { PriceSpec } from '../pricing/spec.ts'
import type { Gateway } from './gateway.ts'
import { commonHeaders, ownHeaders, problemHead, problemType, writeHead } from './respond.ts'
import type { RequestScope } from './scope.ts'

/** A request that could be sold, and why it is not simply served. */
export interface Sale {
  readonly service: Service
  readonly price: Price
  readonly binding: Binding
  readonly code: ErrorCode
  readonly detail: string | undefined
}

export interface Challenge {
  /** Standard base64. */
  readonly token: string
  readonly terms: Terms
  readonly invoice: IssuedBy
}

/**
 * Makes the invoice and the token that offer a request for sale.
 * @throws GatewayError `wallet_unavailable`, `ledger_unavailable`; `invalid_request` when no wallet can ask for so much
 */
export async function makeChallenge(gateway: Gateway, scope: RequestScope, sale: Sale): Promise<Challenge> {
  const { settings, clock, revisions, keys } = gateway
  const mintedAt = Math.floor(clock.nowMs() / 1000)
  await keepRevision(revisions.keepUntil(sale.service.rev, tokenExpiry(settings, mintedAt)))
  const invoice = await issueFor(gateway, scope, sale, undefined)
  const validUntil = tokenExpiry(settings, mintedAt, invoice)
  await keepRevision(revisions.keepUntil(sale.service.rev, validUntil))
  const terms: Terms = {
    service: sale.service.name,
    validUntil,
    rev: sale.service.rev,
    priceMsat: invoice.amountMsat,
    ...sale.binding,
  }
  const paymentHash = Buffer.from(invoice.paymentHash, 'hex')
  // Asked for now and not before: a key that was rotated meanwhile is kept only as long as what it signed by then needs it.
  const { id: keyId, secret } = keys.minting
  const identifier = { paymentHash, keyId, mintedAt }
  const token = mintToken(secret, identifier, terms, () => gateway.random(randomBytesNeeded))
  return { token, terms, invoice }
}

/** Clocks that differ by less are of no account: tokens outlive invoices by far more. */
const skewSeconds = 60

/**
 * Until when a token can be used for the first time, Unix seconds. Some wallets choose themselves how long an invoice
 * can be paid: such a token lives longer by as much as its invoice does.
 */
export function tokenExpiry(
  { tokenTtlMs, invoiceExpiryMs }: Gateway['settings'],
  mintedAt: number,
  invoice?: Pick<IssuedBy, 'expiresAt'>,
): number {
  const longer = (invoice?.expiresAt ?? 0) - mintedAt - Math.ceil(invoiceExpiryMs / 1000)
  return mintedAt + Math.ceil(tokenTtlMs / 1000) + (longer > skewSeconds ? longer : 0)
}

/**
 * Makes the invoice of a sale.
 * @param hold the payment is to be held, under this hash
 * @throws GatewayError `wallet_unavailable`, `ledger_unavailable`; `invalid_request` when no wallet can ask for so much
 */
export async function issueFor(
  { settings, issuer, events, random }: Gateway,
  scope: RequestScope,
  { service, price }: Sale,
  hold: Order['hold'],
): Promise<IssuedBy> {
  const order = {
    service: service.name,
    amountMsat: price.msat,
    description: `${settings.title}: ${service.name}`.slice(0, 120),
    expirySeconds: Math.ceil(settings.invoiceExpiryMs / 1000),
    tokenTtlMs: settings.tokenTtlMs,
    idempotencyKey: hold?.paymentHash ?? random(16).toString('hex'),
    ...(hold && { hold }),
  }
  try {
    const invoice = await scope.wait(issuer.issue(order))
    events.challenged(service.name, invoice.amountMsat)
    return invoice
  } catch (thrown) {
    if (thrown instanceof LedgerError) throw unsellable(thrown)
    const reason = thrown instanceof WalletError ? thrown.code : 'unavailable'
    events.notIssued(reason)
    if (reason === 'bad_amount') throw new GatewayError('invalid_request', tooMuch, { cause: thrown })
    const retryAfterMs = (thrown instanceof WalletError ? thrown.retryAfterMs : undefined) ?? 10_000
    throw new GatewayError('wallet_unavailable', undefined, { retryAfterMs, cause: thrown })
  }
}

/** Answers 402 with the challenge as header and as JSON. */
export function sendChallenge(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  sale: Sale,
  challenge: Challenge,
): void {
  const { settings } = gateway
  const { token, invoice } = challenge
  scope.code = sale.code
  const text = `${JSON.stringify(challengeBody(gateway, scope, sale, challenge))}\n`
  writeHead(incoming, outgoing, 402, {
    'www-authenticate': challengeLines(token, invoice.bolt11, settings.legacyLsat),
    'content-type': problemType(incoming),
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...(invoice.development && { 'x-dev-wallet': '1' }),
    ...ownHeaders,
    ...commonHeaders(scope, 'required'),
  })
  outgoing.end(incoming.method === 'HEAD' ? undefined : text)
}

function challengeBody(gateway: Gateway, scope: RequestScope, sale: Sale, { token, invoice, terms }: Challenge) {
  const { settings } = gateway
  const { price, service, binding, code } = sale
  // Rounded up to what the wallet that made the invoice can ask for.
  const { amountMsat } = invoice
  const priceSats = Number((amountMsat + 999n) / 1000n)
  const pay = `Pay ${satsText(amountMsat)}, then send the same request again with the header \`Authorization: L402 <token>:<preimage>\`.`
  const head = problemHead(settings, code, scope.id)
  const worth = code === 'payment_required' ? '' : `${sale.detail ?? errorCatalogue[code].title}. `
  return {
    ...head,
    detail: `${worth.charAt(0).toUpperCase()}${worth.slice(1)}${pay}${aboutHolding(service.config.charge)}`,
    macaroon: token,
    token,
    invoice: invoice.bolt11,
    paymentHash: invoice.paymentHash,
    priceSats,
    amountSats: priceSats,
    amountMsat: Number(amountMsat),
    expiresAt: new Date(invoice.expiresAt * 1000).toISOString(),
    tokenExpiresAt: new Date(terms.validUntil * 1000).toISOString(),
    price: {
      rule: priceRule(service.contract.price),
      lines: withRounding(price, amountMsat),
      inputs: price.inputs,
    },
    request: { method: binding.method, path: binding.path, bodySha256: binding.bodySha256, bodyForm: binding.bodyForm },
    charge: service.config.charge.when,
    payment: { status: 'required', action: 'pay' },
    links: { quote: `${settings.publicUrl ?? ''}${settings.sitePrefix}/quote${binding.path}` },
  }
}

function aboutHolding(charge: Service['config']['charge']): string {
  if (charge.when !== 'on_delivery') return ''
  const patience = charge.holdMs % 1000 === 0 ? `${charge.holdMs / 1000} s` : `${charge.holdMs} ms`
  return ` Your payment is held while the work is done: it is taken when the result is stored, or after ${patience} if the work is still running then, and the same request gets the result; it is let go when there will be no result, and you are not charged.`
}

const tooMuch = 'the price of this request is more than can be asked for in one invoice'

/** The lines of a price, and one for what rounding it up to an amount that a wallet can ask for adds. */
export function withRounding(price: Price, amountMsat: bigint): { label: string; msat: number }[] {
  const lines = price.lines.map(({ label, msat }) => ({ label, msat: Number(msat) }))
  const added = amountMsat - price.msat
  return added > 0n ? [...lines, { label: 'rounded up to what the wallet can ask for', msat: Number(added) }] : lines
}

/** What kind of price it is: `flat`, `per_char`, `duration`, or several joined by ` + `. */
export function priceRule(price: PriceSpec | 'free'): string {
  if (price === 'free') return 'free'
  return price.lines
    .map(({ quantity }) => {
      if (quantity.kind === 'one') return 'flat'
      if (quantity.kind === 'characters') return 'per_char'
      return quantity.unit === 'second' ? 'duration' : 'per_unit'
    })
    .join(' + ')
}

function satsText(msat: bigint): string {
  const [whole, part] = [msat / 1000n, msat % 1000n]
  const text = part === 0n ? `${whole}` : `${whole}.${part.toString().padStart(3, '0').replace(/0+$/, '')}`
  return `${text} ${text === '1' ? 'sat' : 'sats'}`
}

/** @throws GatewayError `ledger_unavailable` */
export async function keepRevision(keeping: Promise<void> | undefined): Promise<void> {
  try {
    await keeping
  } catch (thrown) {
    if (!(thrown instanceof LedgerError)) throw thrown
    throw unsellable(thrown)
  }
}

const unsellable = (cause: LedgerError): GatewayError =>
  new GatewayError('ledger_unavailable', 'nothing can be sold while the ledger cannot be written', {
    retryAfterMs: 5_000,
    money: 'not-charged',
    action: 'none',
    cause,
  })
