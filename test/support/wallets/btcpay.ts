import { openBtcpayWallet } from '#src/lightning/btcpay/btcpay-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeBtcpay } from './fake-btcpay.ts'
import { asFakeServer, nobody } from './fake-server.ts'
import type { WalletUnderTest } from './subject.ts'
import { authorities, serverTls } from './tls-files.ts'

export const btcpayUnderTest: WalletUnderTest = {
  kind: 'btcpay',
  async make() {
    const fake = await new FakeBtcpay(undefined, serverTls()).start()
    const { store, token } = fake
    const { right: ca, wrong } = authorities()
    const network = 'bcrt' as const
    const right = { name: 'btcpay', url: fake.http.url, store, token, crypto: 'BTC', ca, network, clock: systemClock }
    const server = asFakeServer({
      fake,
      makesInvoice: ({ method }) => method === 'POST',
      refusal: { status: 401, body: { code: 'unauthenticated', message: 'Authentication is required' } },
      credentials: [token],
    })
    return {
      fake: server,
      open: async () => openBtcpayWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            return openBtcpayWallet({ ...right, token: '00'.repeat(20) })
          case 'certificate':
            return openBtcpayWallet({ ...right, ca: wrong })
          case 'network':
            return openBtcpayWallet({ ...right, network: 'bc' })
          case 'unreachable':
            return openBtcpayWallet({ ...right, url: nobody })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: {
    'tells a settlement while connected': 'Its webhooks are for store invoices, not for those of the Lightning node.',
    'after a lost reply the same request gets the same invoice':
      'Greenfield keeps no reference of ours; the invoice of the lost reply is seen by nobody and expires.',
    'does not start with a wrong network':
      'Greenfield does not tell its network; every invoice is held to the configured one.',
  },
}
