import { expect } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { canHold } from '#src/ports/hold-wallet.ts'
import { failure, soon } from './contract-steps.ts'
import { aHold, aSecret, type HoldCase, opened, startedHolder } from './hold-contract-steps.ts'

export const holdMaking: readonly HoldCase[] = [
  {
    name: 'makes an invoice for our payment hash, with the blocks it is asked for',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      expect(canHold(wallet)).toBe(true)
      const { paymentHash } = aSecret()
      const issued = await wallet.createHoldInvoice(aHold(paymentHash, { cltvExpiryBlocks: 140 }), soon())
      const invoice = decodeInvoice(issued.bolt11, { signature: 'verify' })
      expect(invoice).toMatchObject({ paymentHash, amountMsat: 21_000n, network: 'bcrt', minFinalCltvExpiry: 140 })
      expect(issued).toMatchObject({ paymentHash, amountMsat: 21_000n, expiresAt: invoice.expiresAt })
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('open')
    },
  },
  {
    name: 'gives the same invoice for the same hash, also after a restart',
    async run(subject) {
      const { paymentHash } = aSecret()
      const issued: string[] = []
      for (let run = 0; run < 2; run++) {
        await using wallet = await startedHolder(subject)
        for (let call = 0; call < 2; call++)
          issued.push((await wallet.createHoldInvoice(aHold(paymentHash), soon())).bolt11)
      }
      expect(new Set(issued).size).toBe(1)
      expect(subject.invoices(paymentHash)).toBe(1)
    },
  },
  {
    name: 'makes one invoice when many ask for the same hash at once',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash } = aSecret()
      const issued = await Promise.all(
        Array.from({ length: 5 }, () => wallet.createHoldInvoice(aHold(paymentHash), soon())),
      )
      expect(new Set(issued.map(({ bolt11 }) => bolt11)).size).toBe(1)
      expect(subject.invoices(paymentHash)).toBe(1)
    },
  },
  {
    name: 'refuses another amount for a hash it knows',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash } = await opened(wallet)
      const again = wallet.createHoldInvoice(aHold(paymentHash, { amountMsat: 22_000n }), soon())
      expect((await failure(again)).code).toBe('rejected')
      expect(subject.stateOf(paymentHash)).toBe('open')
    },
  },
  {
    name: 'gives the same invoice after the reply to the first call was lost',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash } = aSecret()
      subject.loseReplyTo('create')
      expect(['unavailable', 'timeout']).toContain(
        (await failure(wallet.createHoldInvoice(aHold(paymentHash), soon()))).code,
      )
      const again = await wallet.createHoldInvoice(aHold(paymentHash), soon())
      expect(decodeInvoice(again.bolt11, { signature: 'verify' }).paymentHash).toBe(paymentHash)
      expect(subject.invoices(paymentHash)).toBe(1)
    },
  },
]
