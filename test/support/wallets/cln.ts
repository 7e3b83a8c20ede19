import { openClnWallet } from '#src/lightning/cln/cln-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeCln } from './fake-cln.ts'
import { asFakeServer, nobody } from './fake-server.ts'
import type { WalletUnderTest } from './subject.ts'
import { authorities } from './tls-files.ts'

export const clnUnderTest: WalletUnderTest = {
  kind: 'cln',
  async make() {
    const fake = await new FakeCln().start()
    const { rune, fullRune } = fake
    const { right: ca, wrong } = authorities()
    const right = { name: 'cln', url: fake.http.url, rune, ca, network: 'bcrt' as const, clock: systemClock }
    const server = asFakeServer({
      fake,
      makesInvoice: ({ target }) => target === '/v1/invoice',
      refusal: { status: 401, body: { code: 1502, message: 'Not authorized: Not derived from master' } },
      credentials: [rune, fullRune],
    })
    return {
      fake: server,
      open: async () => openClnWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            return openClnWallet({ ...right, rune: 'Zm9yIHRlc3RzIG9ubHk-another==' })
          case 'certificate':
            return openClnWallet({ ...right, ca: wrong })
          case 'network':
            // The node is known by an invoice that it made before.
            fake.node.make({ amountMsat: 1n, description: 'an earlier one', expirySeconds: 600, reference: 'earlier' })
            return openClnWallet({ ...right, network: 'bc' })
          case 'unreachable':
            return openClnWallet({ ...right, url: nobody })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: {},
}
