import { describe, expect, test } from 'vitest'
import { holdBakeCommand, readRights } from '#src/lightning/lnd/rights.ts'
import { bakedRights, bakeMacaroon, holdRights, stockInvoiceRights } from '../support/wallets/lnd-macaroon.ts'

const rightsOf = (rights: readonly string[], caveats: readonly string[] = []) =>
  readRights(Buffer.from(bakeMacaroon(rights, caveats), 'hex'))

describe('the rights of a macaroon of lnd', () => {
  test('are enough and none too many as the manual bakes it', () => {
    expect(rightsOf(bakedRights)).toEqual({
      missing: [],
      missingToHold: holdRights,
      excess: [],
      spends: false,
      info: false,
      balance: false,
    })
  })

  test('are enough in wider words', () => {
    expect(rightsOf(['invoices:read', 'invoices:write'])).toMatchObject({ missing: [], excess: [] })
  })

  test('are more than needed in the `invoice.macaroon` of lnd', () => {
    expect(rightsOf(stockInvoiceRights)).toMatchObject({
      missing: [],
      excess: ['address:read', 'address:write', 'onchain:read'],
      spends: false,
    })
  })

  test.each([
    'offchain:write',
    'onchain:write',
    'macaroon:generate',
    'signer:generate',
    'uri:/lnrpc.Lightning/SendCoins',
    'uri:/routerrpc.Router/SendPaymentV2',
    'uri:/lnrpc.Lightning/OpenChannel',
  ])('with %s can move money out', (right) => {
    expect(rightsOf([...bakedRights, right])).toMatchObject({ excess: [right], spends: true })
  })

  test('that only look at the node are no excess, and are used', () => {
    const seeing = rightsOf([...bakedRights, 'info:read', 'offchain:read'])
    expect(seeing).toEqual({
      missing: [],
      missingToHold: holdRights,
      excess: [],
      spends: false,
      info: true,
      balance: true,
    })
  })

  test.each(bakedRights)('without %s are too few', (right) => {
    expect(rightsOf(bakedRights.filter((each) => each !== right))?.missing).toEqual([right])
  })

  test('to hold payments are enough and none too many as the manual bakes them', () => {
    expect(rightsOf([...bakedRights, ...holdRights])).toMatchObject({ missing: [], missingToHold: [], excess: [] })
    expect(holdBakeCommand.split(' ').filter((word) => word.startsWith('uri:'))).toEqual([
      ...bakedRights,
      ...holdRights,
    ])
    expect(rightsOf(['invoices:read', 'invoices:write'])).toMatchObject({ missingToHold: [] })
    expect(rightsOf(['invoices:read'])?.missingToHold).toHaveLength(4)
  })

  test.each(holdRights)('without %s are too few to hold payments', (right) => {
    const held = rightsOf([...bakedRights, ...holdRights.filter((each) => each !== right)])
    expect(held).toMatchObject({ missing: [], missingToHold: [right] })
  })

  test('are read beside caveats', () => {
    expect(rightsOf(bakedRights, ['time-before 2030-01-01T00:00:00Z'])).toMatchObject({ missing: [], excess: [] })
  })

  test('are not guessed of what is no macaroon of lnd', () => {
    expect(readRights(Buffer.from('0201036c6e64', 'hex'))).toBeUndefined()
    expect(readRights(Buffer.alloc(0))).toBeUndefined()
    const cut = Buffer.from(bakeMacaroon(bakedRights), 'hex')
    for (let length = 0; length < cut.length; length++) {
      expect(() => readRights(cut.subarray(0, length))).not.toThrow()
    }
  })
})
