import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildCatalog } from '../catalog/build.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { priceExample } from '../catalog/check-examples.ts'
import { priceRange } from '../pricing/range.ts'
import { chargedOnDelivery } from './demo-charge.ts'
import { readVoiceDelay, startDemoServices, voiceDelayOption } from './demo-services.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { loadOrExplain, placed } from './load-or-explain.ts'
import { defaultAdmin } from './pay.ts'
import { placementOptions, refusePublicDevWallet } from './serve.ts'
import { type RunningGateway, startGateway } from './start-gateway.ts'
import { untilStopped } from './until-stopped.ts'

/** `turnpike demo`: sample services, gateway and development wallet, and a purchase to copy. */
export async function demo(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args, options: { ...placementOptions, ...voiceDelayOption } })
  const voiceDelayMs = readVoiceDelay(values['voice-delay-ms'])
  const file = values.config ?? fileURLToPath(new URL('../../gateway.yaml.example', import.meta.url))
  const { config: loaded } = loadOrExplain(file, process.env)
  const config = chargedOnDelivery({ ...placed(loaded, values), log: { level: 'warn' as const } })
  const { catalog } = buildCatalog(config)
  refusePublicDevWallet(config, values['allow-public-dev-wallet'] ?? false)
  return await untilStopped(async (signal, fatal) => {
    await using opened = new AsyncDisposableStack()
    const gateway = await startGateway({ config, catalog, environment: process.env, signal, onFatal: fatal })
    opened.use(gateway)
    const listen = sampleAddress(catalog)
    opened.use(await startDemoServices({ listen, publicBase: `${gateway.publicUrl}/media`, voiceDelayMs }))
    console.log(welcome(gateway, catalog, listen))
    return opened.move()
  })
}

/** Where the configuration expects the sample services. */
function sampleAddress(catalog: Catalog): string {
  const origins = new Set(catalog.services.map(({ config }) => config.upstream.origin))
  const [origin, ...others] = origins
  if (origin === undefined || others.length > 0) {
    throw new CommandError(exitCodes.usage, 'the demo needs a configuration whose services all have the same upstream')
  }
  return new URL(origin).host
}

function welcome({ publicUrl, adminUrl }: RunningGateway, catalog: Catalog, services: string): string {
  const paid = catalog.services.filter(({ contract }) => contract.price !== 'free')
  const rows = paid.map(({ config, contract }) => {
    const price = contract.price === 'free' ? 'free' : priceRange(contract.price)
    const charge = config.charge.when === 'on_delivery' ? '\n       charged on delivery' : ''
    return `  POST ${publicUrl}${config.key.path}\n       ${price.replaceAll('; ', '\n       ')}${charge}`
  })
  const wallet = adminUrl === `http://${defaultAdmin}` ? '' : ` --dev-wallet ${adminUrl}`
  return `Turnpike demo
  gateway    ${publicUrl}
  operator   ${adminUrl}   (health, metrics, development wallet)
  services   http://${services}   (another process; it knows nothing of payments)

For sale:
${rows.join('\n')}

${purchase(publicUrl, adminUrl, catalog)}
Or all of it in one command:
  npx turnpike buy POST ${publicUrl}/api/l402/generate-video -d '{"prompt":"A cat walking on the surface of the moon"}'${wallet}
${failingPurchase(publicUrl, wallet, catalog)}${longPurchase(publicUrl, wallet, catalog)}
Ctrl-C stops everything.`
}

/** What a buyer sees whose work fails while the payment is held. */
function failingPurchase(publicUrl: string, wallet: string, catalog: Catalog): string {
  const music = catalog.byName('api-l402-generate-music')
  if (music?.config.charge.when !== 'on_delivery') return ''
  return `
Songs and texts are charged on delivery here (\`charge: on_delivery\`, one line of a service; gateway.yaml.example sells them
upfront): the payment is held while the work is done, and taken when the result is stored. \`[fail]\` in a prompt makes the
sample service fail, three times in about three seconds. The payment is let go: "Not delivered, not charged".
  npx turnpike buy POST ${publicUrl}${music.config.key.path} -d '{"prompt":"[fail] a song about the rain"}'${wallet}
`
}

/** Work that nobody needs to stay for. */
function longPurchase(publicUrl: string, wallet: string, catalog: Catalog): string {
  const voice = catalog.byName('api-l402-voice-clone')
  const [example] = voice?.config.examples ?? []
  if (!voice || example?.body.kind !== 'json') return ''
  const body = JSON.stringify(example.body.value).replaceAll("'", `'\\''`)
  return `
A voice takes its time. With \`--async\` you get a job at once (Prefer: respond-async → 202) and it is asked for:
  npx turnpike buy POST ${publicUrl}${voice.config.key.path} --async -d '${body}'${wallet}
In curl: add -H 'Prefer: respond-async' to the paid request, then GET its Location, and /result below it, with the same
Authorization.
`
}

/** One complete purchase in curl lines, of the first service that has an example and answers quickly. */
function purchase(publicUrl: string, adminUrl: string, catalog: Catalog): string {
  const service =
    catalog.byName('api-l402-generate-text') ?? catalog.services.find(({ config }) => config.examples.length > 0)
  const [example] = service?.config.examples ?? []
  if (!service || example?.body.kind !== 'json') return ''
  const priced = priceExample(service, example)
  const sats = priced === 'free' || Array.isArray(priced) ? '' : ` (${Number(priced.price.msat) / 1000} sats)`
  const url = `${publicUrl}${service.config.key.path}`
  const body = JSON.stringify(example.body.value)
  return `One complete purchase${sats}; paste these lines into another terminal:

  BODY='${body.replaceAll("'", `'\\''`)}'
  CHALLENGE=$(curl -s -X POST ${url} -H 'Content-Type: application/json' -d "$BODY")
  TOKEN=$(echo "$CHALLENGE" | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
  INVOICE=$(echo "$CHALLENGE" | sed 's/.*"invoice":"\\([^"]*\\)".*/\\1/')
  PREIMAGE=$(curl -s ${adminUrl}/dev/pay -H 'Content-Type: application/json' -d "{\\"invoice\\":\\"$INVOICE\\"}" | sed 's/.*"preimage":"\\([^"]*\\)".*/\\1/')
  curl -i -X POST ${url} -H 'Content-Type: application/json' -H "Authorization: L402 $TOKEN:$PREIMAGE" -d "$BODY"
`
}
