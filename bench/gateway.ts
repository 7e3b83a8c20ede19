import { buildCatalog } from '#src/catalog/build.ts'
import { startGateway } from '#src/cli/start-gateway.ts'
import { loadConfigText } from '#src/config/load.ts'
import { report } from './child.ts'
import { openStubWallet } from './stub-wallet.ts'

/** The gateway under measurement. `node bench/gateway.ts <upstream origin> <data directory> <stub|dev>` */
const [origin = '', dataDir = '', walletKind] = process.argv.slice(2)

const { config, problems } = loadConfigText(
  `
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0 }
data: ${dataDir}
log: { level: ${process.env.BENCH_LOG ?? 'warn'} }
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
`,
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
  ...(walletKind === 'stub' && { overrides: { wallet: openStubWallet } }),
})
report(Number(new URL(gateway.publicUrl).port))
