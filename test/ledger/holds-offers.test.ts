import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HoldOffer } from '#src/ports/holds.ts'
import { accept, heldWith, limits, makeOffer } from '../support/ledger/held.ts'
import { openHolds } from '../support/ledger/opened-holds.ts'
import { hexOf, now } from '../support/ledger/requests.ts'

describe('offers', () => {
  test('are kept whole, oldest first, across a restart', async () => {
    await using opened = await openHolds()
    const [newer, older] = [makeOffer({ createdAtMs: now + 1 }), makeOffer()]
    for (const offer of [newer, older]) expect(await opened.ledger.holds.offer(offer, limits)).toBe('offered')
    expect(await opened.ledger.holds.offers()).toEqual(
      [older, newer].map((offer) => ({ ...offer, sealedRequest: new Uint8Array(offer.sealedRequest) })),
    )
    await opened.reopen()
    expect((await opened.ledger.holds.offers()).map(({ paymentHash }) => paymentHash)).toEqual(
      [older, newer].map(({ paymentHash }) => paymentHash),
    )
  })

  test('written twice are one, and as they were first', async () => {
    await using opened = await openHolds()
    const offer = makeOffer()
    await opened.ledger.holds.offer(offer, limits)
    expect(await opened.ledger.holds.offer({ ...offer, priceMsat: 1n }, limits)).toBe('offered')
    expect((await opened.ledger.holds.offers()).map(({ priceMsat }) => priceMsat)).toEqual([7_000n])
  })

  test('are bounded by number, by bytes and by client, however many come at once', async () => {
    await using opened = await openHolds()
    const bounds = fc.record({
      limits: fc.record({ maxOpen: fc.integer({ min: 1, max: 6 }), maxBytes: fc.integer({ min: 1, max: 400 }) }),
      maxPerClient: fc.integer({ min: 1, max: 4 }),
      offers: fc.array(fc.record({ client: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 1, max: 150 }) }), {
        maxLength: 12,
      }),
    })
    const stays = fc.asyncProperty(bounds, async ({ limits: { maxOpen, maxBytes }, maxPerClient, offers }) => {
      const { holds } = opened.ledger
      for (const { paymentHash } of await holds.offers()) await holds.withdraw(paymentHash)
      const made = offers.map(({ client, bytes }) => makeOffer({ client, sealedRequest: randomBytes(bytes) }))
      const said = await Promise.all(made.map((offer) => holds.offer(offer, { maxOpen, maxBytes, maxPerClient })))
      // The same, one after the other.
      const open: HoldOffer[] = []
      const expected = made.map((offer) => {
        const bytes = open.reduce((sum, { sealedRequest }) => sum + sealedRequest.length, offer.sealedRequest.length)
        if (open.length >= maxOpen || bytes > maxBytes) return 'full'
        if (open.filter(({ client }) => client === offer.client).length >= maxPerClient) return 'client_full'
        open.push(offer)
        return 'offered'
      })
      expect(said).toEqual(expected)
      expect(await holds.offers()).toHaveLength(open.length)
    })
    await fc.assert(stays, { numRuns: 40 })
  })

  test('that were withdrawn make room, cannot be accepted, and can be withdrawn again', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const [first, second] = [makeOffer(), makeOffer()]
    const one = { ...limits, maxOpen: 1 }
    expect([await holds.offer(first, one), await holds.offer(second, one)]).toEqual(['offered', 'full'])
    await holds.withdraw(first.paymentHash)
    await holds.withdraw(first.paymentHash)
    expect(await holds.offer(second, one)).toBe('offered')
    expect(await accept(holds, first)).toBe(false)
    expect(await opened.ledger.read(first.paymentHash)).toBeUndefined()
  })
})

describe('an accepted payment', () => {
  test('is accepted once, by whoever comes first, and has one job', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = makeOffer()
    await holds.offer(offer, limits)
    const ids = Array.from({ length: 8 }, () => hexOf(16))
    const accepted = await Promise.all(ids.map((id) => accept(holds, offer, id)))
    expect(accepted.filter(Boolean)).toHaveLength(1)
    const record = await opened.ledger.read(offer.paymentHash)
    expect(record).toMatchObject({ state: 'held', job: { state: 'retryable', id: ids[accepted.indexOf(true)] } })
    expect(await holds.offers()).toEqual([])
    expect(await opened.ledger.sealedRequest(offer.paymentHash)).toEqual(new Uint8Array(offer.sealedRequest))
  })

  test('is not one that was revoked before: its offer stays, so that its payment can be let go', async () => {
    await using opened = await openHolds()
    const { holds } = opened.ledger
    const offer = makeOffer()
    await holds.offer(offer, limits)
    await opened.ledger.revoke(offer.paymentHash, now)
    expect(await accept(holds, offer)).toBe(false)
    expect(await opened.ledger.read(offer.paymentHash)).toBeUndefined()
    expect((await holds.offers()).map(({ paymentHash }) => paymentHash)).toEqual([offer.paymentHash])
  })

  test('of an unknown hash is none', async () => {
    await using opened = await openHolds()
    expect(await accept(opened.ledger.holds, makeOffer())).toBe(false)
    expect(await opened.ledger.holds.undecided()).toEqual([])
  })

  test('is listed until its end is written down, also after a restart, when its run is nobody’s', async () => {
    await using opened = await openHolds()
    const [held, settling, cancelling, over] = [
      await heldWith(opened, 'running'),
      await heldWith(opened, 'captured'),
      await heldWith(opened, 'refused'),
      await heldWith(opened, 'refused'),
    ]
    await opened.ledger.holds.decideToSettle(settling.paymentHash, 'result')
    for (const { paymentHash } of [cancelling, over]) await opened.ledger.holds.decideToCancel(paymentHash)
    await opened.ledger.holds.conclude(over.paymentHash, 'cancelled', now)
    const listed = async () =>
      (await opened.ledger.holds.undecided()).map(({ paymentHash, state, jobState }) => [paymentHash, state, jobState])
    expect(await listed()).toEqual([
      [held.paymentHash, 'held', 'running'],
      [settling.paymentHash, 'settling', 'captured'],
      [cancelling.paymentHash, 'cancelling', 'refused'],
    ])
    await opened.reopen()
    expect((await listed()).map(([, state, jobState]) => [state, jobState])).toEqual([
      ['held', 'retryable'],
      ['settling', 'captured'],
      ['cancelling', 'refused'],
    ])
    const [first] = await opened.ledger.holds.undecided()
    const { tokenId, service, rev, wallet, priceMsat, mintedExpiry } = held
    expect(first).toMatchObject({ tokenId, service, rev, wallet, priceMsat, mintedExpiry, acceptedAtMs: now })
  })
})

test('a key is needed until the last payment under it has ended', async () => {
  await using opened = await openHolds()
  const { ledger } = opened
  const offer = await heldWith(opened, 'captured')
  const running = async () => (await ledger.keyUse(Number.parseInt(offer.tokenId.slice(0, 2), 16))).running
  expect(await running()).toBe(1)
  await ledger.holds.decideToSettle(offer.paymentHash, 'result')
  expect(await running()).toBe(1)
  await ledger.holds.conclude(offer.paymentHash, 'settled', now)
  expect(await running()).toBe(0)
})
