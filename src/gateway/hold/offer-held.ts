import { GatewayError } from '../../errors.ts'
import { reach } from '../../failpoints.ts'
import type { Terms } from '../../l402/caveats.ts'
import { holdPreimage } from '../../l402/hold-preimage.ts'
import { encodeIdentifier, randomBytesNeeded, tokenIdHex } from '../../l402/identifier.ts'
import { mintTokenAs } from '../../l402/token.ts'
import type { IssuedBy } from '../../ports/issuer.ts'
import { type Challenge, issueFor, keepRevision, type Sale, tokenExpiry } from '../challenge.ts'
import type { Gateway } from '../gateway.ts'
import { clientPrefix } from '../limits/client-address.ts'
import { requestHash } from '../redeem/request-hash.ts'
import { type StoredRequest, sealRequest } from '../redeem/stored-request.ts'
import type { RequestScope } from '../scope.ts'
import type { HoldDesk } from './hold-desk.ts'

const noHash = new Uint8Array(32)
const maxTries = 3

/**
 * Offers a request for sale whose payment will be held. Unlike any other challenge it is written down, so there is a
 * bound to how many are open.
 * @throws GatewayError `holds_full`, `rate_limited`, `wallet_unavailable`, `ledger_unavailable`
 */
export async function offerHeld(
  gateway: Gateway,
  desk: HoldDesk,
  scope: RequestScope,
  sale: Sale,
  request: StoredRequest,
): Promise<Challenge> {
  const { service } = sale
  const client = clientPrefix(request.client.address)
  const waitMs = desk.failed.waitMs(client, service.name)
  if (waitMs > 0) {
    const detail = 'too many payments were held for work that then failed; try again later'
    throw new GatewayError('rate_limited', detail, { retryAfterMs: waitMs })
  }
  for (let tries = 0; tries < maxTries; tries++) {
    const challenge = await offerOnce(gateway, desk, scope, sale, request, client)
    if (challenge) return challenge
  }
  throw new GatewayError('internal')
}

/** @returns undefined when the token would hold a word that some client trips over, or its key was rotated meanwhile */
async function offerOnce(
  gateway: Gateway,
  desk: HoldDesk,
  scope: RequestScope,
  sale: Sale,
  request: StoredRequest,
  client: string,
): Promise<Challenge | undefined> {
  const { clock, keys, settings, revisions } = gateway
  const { service, binding } = sale
  const { charge } = service.config
  const mintedAt = Math.floor(clock.nowMs() / 1000)
  await keepRevision(revisions.keepUntil(service.rev, tokenExpiry(settings, mintedAt)))
  const { id: keyId, secret } = keys.minting
  const unnamed = { keyId, mintedAt, random: gateway.random(randomBytesNeeded) }
  const tokenId = tokenIdHex(encodeIdentifier({ ...unnamed, paymentHash: noHash }))
  const { preimage, paymentHash } = holdPreimage(secret, tokenId)
  const sealedRequest = sealRequest(gateway, { paymentHash, preimage }, request)
  if (!desk.open.add({ paymentHash, client, sealedRequest })) throw tooManyOffers()
  let offered = false
  let invoice: IssuedBy | undefined
  try {
    const cltvExpiryBlocks = blocksFor(charge.when === 'on_delivery' ? charge.holdMs : 0)
    invoice = await issueFor(gateway, scope, sale, { paymentHash, cltvExpiryBlocks })
    const validUntil = tokenExpiry(settings, mintedAt, invoice)
    await keepRevision(revisions.keepUntil(service.rev, validUntil))
    if (keys.minting.id !== keyId) return undefined
    const terms: Terms = {
      service: service.name,
      validUntil,
      rev: service.rev,
      priceMsat: invoice.amountMsat,
      ...binding,
    }
    const token = mintTokenAs(secret, { ...unnamed, paymentHash: Buffer.from(paymentHash, 'hex') }, terms)
    if (token === undefined) return undefined
    offered = await desk.take({
      paymentHash,
      tokenId,
      keyId,
      service: service.name,
      rev: service.rev,
      wallet: invoice.wallet,
      priceMsat: invoice.amountMsat,
      quote: JSON.stringify(sale.price.lines.map(({ label, msat }) => ({ label, msat: Number(msat) }))),
      requestHash: requestHash(service.name, binding),
      sealedRequest,
      client,
      mintedExpiry: validUntil,
      expiresAtMs: invoice.expiresAt * 1000,
      createdAtMs: clock.nowMs(),
    })
    if (!offered) throw tooManyOffers()
    reach('hold_offered')
    return { token, terms, invoice }
  } finally {
    if (!offered) {
      desk.open.remove(paymentHash)
      if (invoice) desk.abandon(invoice.wallet, paymentHash)
    }
  }
}

/** Thrice the blocks that the hold should see, and a day's worth of margin to take the payment on the chain. */
const blocksFor = (holdMs: number): number => 80 + 3 * Math.ceil(holdMs / 600_000)

const tooManyOffers = (): GatewayError => new GatewayError('holds_full', undefined, { retryAfterMs: 15_000 })
