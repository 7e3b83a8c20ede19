import { openPhoenixdWallet } from '#src/lightning/phoenixd/phoenixd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakePhoenixd } from './fake-phoenixd.ts'
import { asFakeServer, nobody } from './fake-server.ts'
import type { WalletUnderTest } from './subject.ts'

export const phoenixdUnderTest: WalletUnderTest = {
  kind: 'phoenixd',
  async make() {
    const fake = await new FakePhoenixd().start()
    const { limitedPassword: password, fullPassword } = fake
    const right = { name: 'phoenixd', url: fake.http.url, password, clock: systemClock }
    const server = asFakeServer({
      fake,
      makesInvoice: ({ target }) => target === '/createinvoice',
      refusal: {
        status: 401,
        body: 'Invalid authentication (use basic auth with the http password set in phoenix.conf)',
      },
      credentials: [password, fullPassword, Buffer.from(`:${password}`).toString('base64')],
      stop: () => fake.stop(),
    })
    return {
      fake: server,
      open: async () => openPhoenixdWallet(right),
      async openWith(fault) {
        switch (fault) {
          case 'credential':
            return openPhoenixdWallet({ ...right, password: '00'.repeat(32) })
          case 'certificate':
            return openPhoenixdWallet({ ...right, url: fake.http.url.replace('http:', 'https:') })
          case 'network':
            return openPhoenixdWallet({ ...right, network: 'bc' })
          case 'unreachable':
            return openPhoenixdWallet({ ...right, url: nobody })
        }
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  },
  lacks: {},
}
