import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfigText } from '#src/config/load.ts'
import { createWallet } from '#src/lightning/create-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { environment } from '../config/environment.ts'
import { FakeBtcpay } from '../support/wallets/fake-btcpay.ts'
import { FakeCln } from '../support/wallets/fake-cln.ts'
import type { FakeHttp } from '../support/wallets/fake-http.ts'
import { FakeLnbits } from '../support/wallets/fake-lnbits.ts'
import { FakePhoenixd } from '../support/wallets/fake-phoenixd.ts'
import { authorities, serverTls } from '../support/wallets/tls-files.ts'
import { makeRequest } from './dev-setting.ts'

interface Started extends AsyncDisposable {
  readonly http: FakeHttp
  /** What goes into the file beside the configuration. */
  readonly credential: string
}

const soon = () => AbortSignal.timeout(5_000)

const wallets: readonly (readonly [string, () => Promise<Started>, (url: string) => string])[] = [
  [
    'phoenixd',
    async () => {
      const fake = await new FakePhoenixd().start()
      return Object.assign(fake, { credential: fake.limitedPassword })
    },
    (url) => `{ phoenixd: { url: "${url}", password_file: credential, network: regtest } }`,
  ],
  [
    'cln',
    async () => {
      const fake = await new FakeCln().start()
      return Object.assign(fake, { credential: fake.rune })
    },
    (url) => `{ cln: { url: "${url}", rune_file: credential, ca_file: ca.pem, network: regtest } }`,
  ],
  [
    'lnbits',
    async () => {
      const fake = await new FakeLnbits(undefined, serverTls()).start()
      return Object.assign(fake, { credential: fake.invoiceKey })
    },
    (url) => `{ lnbits: { url: "${url}", key_file: credential, ca_file: ca.pem, network: regtest } }`,
  ],
  [
    'btcpay',
    async () => {
      const fake = await new FakeBtcpay(undefined, serverTls()).start()
      return Object.assign(fake, { credential: fake.token })
    },
    (url) =>
      `{ btcpay: { url: "${url}", store: 9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4m2K776, token_file: credential, ca_file: ca.pem, network: regtest } }`,
  ],
]

test.each(wallets)('a %s as it is configured makes an invoice', async (kind, start, block) => {
  await using fake = await start()
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-wallet-'))
  try {
    await writeFile(join(folder, 'credential'), `${fake.credential}\n`)
    await writeFile(join(folder, 'ca.pem'), authorities().right)
    const text = [
      `lightning: { wallet: ${block(`${fake.http.url}/`)} }`,
      'services: { POST /a: { upstream: "http://127.0.0.1:9", price: { flat: 1 } } }',
    ].join('\n')
    const { config, problems } = loadConfigText(text, join(folder, 'gateway.yaml'), environment)
    expect(problems).toEqual([])
    const [settings] = config?.lightning.wallets ?? []
    if (!settings) return expect.fail('no wallet was read')
    await using wallet = await createWallet(settings, folder, systemClock)
    await wallet.start(soon())
    expect(wallet).toMatchObject({ name: kind, kind, capabilities: { network: 'bcrt' } })
    const { bolt11 } = await wallet.createInvoice(makeRequest({ amountMsat: 21_000n }), soon())
    expect(bolt11).toMatch(/^lnbcrt210n1/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
