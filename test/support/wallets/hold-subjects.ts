import { openLndWallet } from '#src/lightning/lnd/lnd-wallet.ts'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { HoldState } from '#src/ports/hold-wallet.ts'
import type { LndState } from './fake-lnd-holds.ts'
import { FakeNwc, type FakeNwcOptions, holdMethods, receiveOnly } from './fake-nwc.ts'
import type { NwcHoldState } from './fake-nwc-holds.ts'
import type { HoldSubject, HoldWalletUnderTest } from './hold-subject.ts'
import { makeLndSubject } from './lnd.ts'
import { bakedRights, holdRights } from './lnd-macaroon.ts'
import { asServer } from './nwc.ts'

const lndStates: Readonly<Record<LndState, HoldState>> = {
  OPEN: 'open',
  ACCEPTED: 'accepted',
  SETTLED: 'settled',
  CANCELED: 'cancelled',
}

async function makeLnd(): Promise<HoldSubject> {
  const subject = await makeLndSubject({ rights: [...bakedRights, ...holdRights] })
  const { fake } = subject
  const { lnd } = fake
  const rowOf = (paymentHash: string) => lnd.invoices.get(paymentHash)
  return {
    open: async () =>
      openLndWallet({ name: 'lnd', ...subject.settings, privateChannels: false, network: 'bcrt', clock: systemClock }),
    pay: async (paymentHash) => ({ ended: lnd.holds.pay(paymentHash) }),
    stateOf(paymentHash) {
      const row = rowOf(paymentHash)
      return row ? lndStates[row.state] : 'unknown'
    },
    async foreign(paymentHash) {
      const hash = Buffer.from(paymentHash, 'hex')
      lnd.holds.add({ hash, memo: 'of another program', value_msat: '5000', expiry: '3600', cltv_expiry: '80' })
    },
    expire: (paymentHash) => lnd.expire(paymentHash),
    async restart() {
      await fake.stop()
      await fake.start()
    },
    stop: () => fake.stop(),
    start: () => fake.start(),
    repeat(paymentHash, state) {
      const row = rowOf(paymentHash)
      if (row) lnd.holds.tell(row, state === 'open' ? 'OPEN' : 'ACCEPTED')
    },
    breakWith: (breakage) => fake.breakWith(breakage),
    loseReplyTo: () => fake.loseNextReply(),
    invoices: (paymentHash) => (rowOf(paymentHash) ? 1 : 0),
    connections: () => fake.connections() + lnd.holds.watched,
    secrets: () => fake.secrets(),
    [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
  }
}

const nwcStates: Readonly<Record<NwcHoldState, HoldState>> = {
  pending: 'open',
  accepted: 'accepted',
  settled: 'settled',
  failed: 'cancelled',
}

/** A connection that may hold, to a wallet as Alby Hub is unless told otherwise. */
export async function makeNwcHolder(options: Partial<FakeNwcOptions> = {}): Promise<HoldSubject & { fake: FakeNwc }> {
  const fake = await new FakeNwc({
    methods: [...receiveOnly, ...holdMethods],
    notifications: ['payment_received', 'hold_invoice_accepted'],
    ...options,
  }).start()
  const server = asServer(fake)
  return {
    fake,
    open: async () =>
      openNwcWallet({ name: 'nwc', uri: fake.uri, clock: systemClock, unitMsat: 1n, holdPollEveryMs: 400 }),
    pay: async (paymentHash) => ({ ended: fake.holds.pay(paymentHash) }),
    stateOf(paymentHash) {
      const hold = fake.holds.all.get(paymentHash)
      return hold ? nwcStates[hold.state] : 'unknown'
    },
    async foreign(paymentHash) {
      const terms = { amount: 5000, expiry: 3600, min_cltv_expiry_delta: 80 }
      fake.holds.make({ ...terms, payment_hash: paymentHash, description: 'of another program' })
    },
    expire: (paymentHash) => fake.node.expire(paymentHash),
    async restart() {
      await server.stop()
      await server.start()
    },
    stop: () => server.stop(),
    start: () => server.start(),
    repeat(paymentHash, state) {
      const hold = fake.holds.all.get(paymentHash)
      if (!hold) return
      const transaction = fake.transactionOf({ ...hold, state: state === 'open' ? 'pending' : 'accepted' })
      fake.notify('hold_invoice_accepted', transaction)
    },
    breakWith: (breakage) => server.breakWith(breakage),
    loseReplyTo(call) {
      fake.loseReplyTo = { create: 'make_hold_invoice', settle: 'settle_hold_invoice', cancel: 'cancel_hold_invoice' }[
        call
      ]
    },
    invoices: (paymentHash) => fake.holds.made.filter((each) => each === paymentHash).length,
    connections: () => fake.relay.connections,
    secrets: () => server.secrets(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export const lndHolder: HoldWalletUnderTest = { kind: 'lnd', make: makeLnd, lacks: {} }

export const nwcHolder: HoldWalletUnderTest = {
  kind: 'nwc',
  make: () => makeNwcHolder(),
  lacks: {
    'closes an invoice that nobody has paid':
      'Alby Hub cancels only what is locked in; test/lightning/nwc-holds.test.ts has a wallet that can.',
  },
}
