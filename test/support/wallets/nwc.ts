import { generateSecretKey } from 'nostr-tools'
import { openNwcWallet } from '#src/lightning/nwc/nwc-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import type { NodeLie } from './fake-node.ts'
import { FakeNwc, refuse } from './fake-nwc.ts'
import type { Breakage, FakeWalletServer, Lie, WalletUnderTest } from './subject.ts'

const lies: Readonly<Record<Lie, NodeLie>> = {
  amount: { amountMsat: 123_000n },
  hash: { paymentHash: 'cd'.repeat(32) },
  expiry: { expirySeconds: 1 },
  network: { network: 'bc' },
}

const answers: Readonly<Record<Exclude<Breakage, 'half-open'>, NonNullable<FakeNwc['instead']>>> = {
  '401': () => refuse('UNAUTHORIZED'),
  '429': () => refuse('RATE_LIMITED'),
  '5xx': () => refuse('INTERNAL'),
  hang: () => 'silence',
  garbage: () => 'garbage',
}

export function asServer(fake: FakeNwc): FakeWalletServer {
  return {
    settle: async (paymentHash) => fake.settle(paymentHash),
    expire: (paymentHash) => fake.node.expire(paymentHash),
    breakWith(breakage) {
      fake.relay.killLink(breakage === 'half-open')
      fake.instead = breakage === undefined || breakage === 'half-open' ? undefined : answers[breakage]
    },
    lie(lie) {
      fake.node.lie = lie && lies[lie]
    },
    loseNextReply() {
      fake.loseNextInvoice = true
    },
    stop: () => fake.relay.stop(),
    start: async () => void (await fake.relay.start()),
    invoices: () => fake.node.invoices.size,
    connections: () => fake.relay.connections,
    secrets: () => [
      fake.clientSecret,
      ...[...fake.node.invoices.values()].flatMap(({ preimage, bolt11 }) => [preimage, bolt11]).filter(Boolean),
    ],
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

export const nwcUnderTest: WalletUnderTest = {
  kind: 'nwc',
  async make() {
    const fake = await new FakeNwc().start()
    const server = asServer(fake)
    const right = { name: 'nwc', uri: fake.uri, clock: systemClock }
    return {
      fake: server,
      open: async () => openNwcWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            return openNwcWallet({ ...right, uri: fake.uriWith(Buffer.from(generateSecretKey()).toString('hex')) })
          case 'network':
            return openNwcWallet({ ...right, network: 'bc' })
          case 'certificate':
            return openNwcWallet({
              ...right,
              uri: fake.uriWith(fake.clientSecret, fake.relay.url.replace('ws:', 'wss:')),
            })
          case 'unreachable':
            return openNwcWallet({ ...right, uri: fake.uriWith(fake.clientSecret, 'ws://localhost:1') })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: {
    'after a lost reply the same request gets the same invoice':
      'NIP-47 has no key for repeated requests; the first invoice stays unpaid.',
  },
}
