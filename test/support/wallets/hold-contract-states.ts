import { expect } from 'vitest'
import { aMoment, failure, soon } from './contract-steps.ts'
import {
  aSecret,
  follow,
  type HoldCase,
  held,
  opened,
  patient,
  startedHolder,
  withForeign,
} from './hold-contract-steps.ts'

export const holdStates: readonly HoldCase[] = [
  {
    name: 'tells of a payment locked in while connected, and of its end',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage } = await opened(wallet)
      await using following = follow(wallet, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['open'])
      const { ended } = await subject.pay(paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['open', 'accepted'])
      await wallet.settleHold(paymentHash, preimage, soon())
      await following.done
      expect(following.told).toEqual(['open', 'accepted', 'settled'])
      expect(await ended).toBe(preimage)
    },
  },
  {
    name: 'tells of a payment locked in while disconnected',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash } = await opened(wallet)
      await using following = follow(wallet, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['open'])
      await subject.stop()
      await subject.pay(paymentHash)
      await subject.start()
      await expect.poll(() => following.told.at(-1), patient).toBe('accepted')
    },
  },
  {
    name: 'knows of a payment locked in between two runs of the gateway, and takes it',
    async run(subject) {
      const before = await startedHolder(subject)
      const { paymentHash, preimage } = await opened(before)
      await before[Symbol.asyncDispose]()
      const { ended } = await subject.pay(paymentHash)
      await using after = await startedHolder(subject)
      expect(await after.lookupHold(paymentHash, soon())).toBe('accepted')
      await using following = follow(after, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['accepted'])
      await after.settleHold(paymentHash, preimage, soon())
      expect(await ended).toBe(preimage)
    },
  },
  {
    name: 'has the payment still held after its server was restarted',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage, ended } = await held(subject, wallet)
      await using following = follow(wallet, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['accepted'])
      await subject.restart()
      await expect.poll(() => wallet.lookupHold(paymentHash, soon()).catch(() => undefined), patient).toBe('accepted')
      await wallet.settleHold(paymentHash, preimage, soon())
      await following.done
      expect(following.told.at(-1)).toBe('settled')
      expect(await ended).toBe(preimage)
    },
  },
  {
    name: 'says nothing new when it is told again or out of order',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage } = await held(subject, wallet)
      await using following = follow(wallet, paymentHash)
      await expect.poll(() => following.told, patient).toEqual(['accepted'])
      for (const state of ['accepted', 'open', 'accepted'] as const) subject.repeat(paymentHash, state)
      for (let moment = 0; moment < 6; moment++) await aMoment()
      expect(following.told).toEqual(['accepted'])
      await wallet.settleHold(paymentHash, preimage, soon())
      await following.done
      expect(following.told).toEqual(['accepted', 'settled'])
    },
  },
  {
    name: 'keeps a payment held past the expiry of its invoice, which then nobody else can pay',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage, ended } = await held(subject, wallet)
      const { paymentHash: late } = await opened(wallet)
      subject.expire(paymentHash)
      subject.expire(late)
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('accepted')
      expect(await (await subject.pay(late)).ended).toBeUndefined()
      expect(['open', 'cancelled']).toContain(await wallet.lookupHold(late, soon()))
      await wallet.settleHold(paymentHash, preimage, soon())
      expect(await ended).toBe(preimage)
    },
  },
  {
    name: 'settles twice, and cannot be cancelled after it',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage, ended } = await held(subject, wallet)
      await wallet.settleHold(paymentHash, preimage, soon())
      await wallet.settleHold(paymentHash, preimage, soon())
      expect((await failure(wallet.cancelHold(paymentHash, soon()))).code).toBe('rejected')
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('settled')
      expect(await ended).toBe(preimage)
    },
  },
  {
    name: 'cancels twice, and cannot be settled after it',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage, ended } = await held(subject, wallet)
      await using following = follow(wallet, paymentHash)
      await wallet.cancelHold(paymentHash, soon())
      await wallet.cancelHold(paymentHash, soon())
      expect((await failure(wallet.settleHold(paymentHash, preimage, soon()))).code).toBe('rejected')
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('cancelled')
      expect(await ended).toBeUndefined()
      await following.done
      expect(following.told.at(-1)).toBe('cancelled')
    },
  },
  {
    name: 'closes an invoice that nobody has paid',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash } = await opened(wallet)
      await wallet.cancelHold(paymentHash, soon())
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('cancelled')
      expect(await (await subject.pay(paymentHash)).ended).toBeUndefined()
    },
  },
  {
    name: 'does not settle what is open',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage } = await opened(wallet)
      expect((await failure(wallet.settleHold(paymentHash, preimage, soon()))).code).toBe('rejected')
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('open')
    },
  },
  {
    name: 'does not know a hash that it never made',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage } = aSecret()
      expect(await wallet.lookupHold(paymentHash, soon())).toBe('unknown')
      expect((await failure(wallet.settleHold(paymentHash, preimage, soon()))).code).toBe('rejected')
      expect((await failure(wallet.cancelHold(paymentHash, soon()))).code).toBe('rejected')
    },
  },
  {
    name: 'takes nothing with another preimage, and what has a hash but is none is refused',
    async run(subject) {
      await using wallet = await startedHolder(subject)
      const { paymentHash, preimage } = await held(subject, wallet)
      for (const wrong of ['ab'.repeat(32), '', preimage.slice(2), `${preimage}00`, 'not hex'])
        expect((await failure(wallet.settleHold(paymentHash, wrong, soon()))).code).toBe('rejected')
      for (const wrong of ['', paymentHash.slice(2), `${paymentHash}00`])
        expect((await failure(wallet.cancelHold(wrong, soon()))).code).toBe('rejected')
      expect(subject.stateOf(paymentHash)).toBe('accepted')
    },
  },
  {
    name: 'never touches what another program holds, not even with its preimage in hand',
    async run(subject) {
      await withForeign(subject, async (foreign) => {
        const wallet = await startedHolder(subject)
        const [taken, released] = [await held(subject, wallet), await held(subject, wallet)]
        const open = await opened(wallet)
        const other = wallet.settleHold(taken.paymentHash, foreign.preimage, soon())
        expect((await failure(other)).code).toBe('rejected')
        await wallet.settleHold(taken.paymentHash, taken.preimage, soon())
        await wallet.cancelHold(released.paymentHash, soon())
        await wallet.cancelHold(open.paymentHash, soon()).catch(() => undefined)
        await subject.restart()
        await wallet[Symbol.asyncDispose]()
        await using again = await startedHolder(subject)
        await again.health(soon())
      })
    },
  },
]
