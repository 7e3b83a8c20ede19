import { openLnbitsWallet } from '#src/lightning/lnbits/lnbits-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeLnbits } from './fake-lnbits.ts'
import { asFakeServer, nobody } from './fake-server.ts'
import type { WalletUnderTest } from './subject.ts'
import { authorities, serverTls } from './tls-files.ts'

export const lnbitsUnderTest: WalletUnderTest = {
  kind: 'lnbits',
  async make() {
    const fake = await new FakeLnbits(undefined, serverTls()).start()
    const { invoiceKey: key, adminKey } = fake
    const { right: ca, wrong } = authorities()
    const right = { name: 'lnbits', url: fake.http.url, key, ca, network: 'bcrt' as const, clock: systemClock }
    const server = asFakeServer({
      fake,
      makesInvoice: ({ method, target }) => method === 'POST' && target === '/api/v1/payments',
      refusal: { status: 401, body: { detail: 'Invalid key' } },
      credentials: [key, adminKey],
    })
    return {
      fake: server,
      open: async () => openLnbitsWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            return openLnbitsWallet({ ...right, key: '00'.repeat(16) })
          case 'certificate':
            return openLnbitsWallet({ ...right, ca: wrong })
          case 'network':
            // The server is known by an invoice that it made before.
            fake.makeInvoice(1)
            return openLnbitsWallet({ ...right, network: 'bc' })
          case 'unreachable':
            return openLnbitsWallet({ ...right, url: nobody })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: { 'tells a settlement while connected': 'Its ways to push can be forged or want the key in a path.' },
}
