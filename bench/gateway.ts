import { buildCatalog } from '#src/catalog/build.ts'
import { startGateway } from '#src/cli/start-gateway.ts'
import { loadConfigText } from '#src/config/load.ts'
import { lndTls } from '../test/support/wallets/lnd.ts'
import { report } from './child.ts'
import { openStubWallet } from './stub-wallet.ts'

/**
 * The gateway under measurement. `node bench/gateway.ts <upstream origin> <data directory> <stub|dev|lnd:port:macaroon>
 * [holds]`; with `holds` it also sells `/held`, charged on delivery.
 */
const [origin = '', dataDir = '', wallet = 'dev', holds] = process.argv.slice(2)
const [walletKind, lndPort, macaroon = ''] = wallet.split(':')
const tlsCert = JSON.stringify(lndTls().cert)
const lnd = `{ address: "localhost:${lndPort}", macaroon: "${macaroon}", tls_cert: ${tlsCert}, network: regtest }`

const { config, problems } = loadConfigText(
  `
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
data: ${dataDir}
log: { level: ${process.env.BENCH_LOG ?? 'warn'} }
lightning: { wallet: ${walletKind === 'lnd' ? `{ lnd: ${lnd} }` : 'dev'}, max_open_invoices: 1000000 }
services:
  GET /free: { upstream: "${origin}/free", price: free }
  /paid:
    name: paid
    upstream: ${origin}/paid
    price:
      duration: { of: duration, rate: { by: mode, table: { standard: 300, pro: 450 } } }
    request:
      schema:
        type: object
        required: [prompt]
        properties:
          prompt: { type: string, minLength: 1, maxLength: 2000 }
          duration: { type: integer, minimum: 3, maximum: 15, default: 5 }
          mode: { type: string, enum: [standard, pro], default: pro }
${
  holds === undefined
    ? ''
    : `
  /held: { name: held, upstream: "${origin}/held", price: { flat: 7 }, charge: on_delivery }
l402: { hold: { max_open: 100000, max_bytes: 1GiB, max_per_client: 100000 } }
`
}`,
  `${dataDir}/bench.yaml`,
  {},
)
if (!config || problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'))

const gateway = await startGateway({
  config,
  catalog: buildCatalog(config).catalog,
  environment: {},
  signal: new AbortController().signal,
  onFatal(cause) {
    throw cause
  },
  ...(walletKind === 'stub' && { overrides: { wallets: () => [openStubWallet()] } }),
})
report(Number(new URL(gateway.publicUrl).port), Number(new URL(gateway.adminUrl).port))
