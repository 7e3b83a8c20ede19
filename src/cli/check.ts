import { parseArgs } from 'node:util'
import { type PricedExample, priceExample } from '../catalog/check-examples.ts'
import type { Service } from '../catalog/service.ts'
import { sats } from '../pricing/price.ts'
import { priceRange } from '../pricing/range.ts'
import { whole } from '../pricing/rational.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { formatAddress } from './listen.ts'
import { loadOrExplain } from './load-or-explain.ts'
import { publicDevWallet } from './serve.ts'

/** `turnpike check`: every problem of a configuration, or what it would sell, by whom it is served, and for how much. */
export function check(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args, options: { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } } })
  const { config, catalog } = loadOrExplain(values.config ?? 'gateway.yaml', process.env)
  const services = catalog.services.map((service) => describe(service, catalog.soldAmong(service)))
  if (values.json) {
    console.log(JSON.stringify({ file: config.file, services }, undefined, 2))
    return Promise.resolve(exitCodes.ok)
  }
  // What `serve` would say; a flag allows it there.
  const refusal = publicDevWallet(config)
  if (refusal !== undefined) console.error(refusal)
  console.log(`${config.file} is good. On ${formatAddress(config.listen)} it would sell:\n`)
  for (const service of services) {
    console.log(`${service.methods.join(',')} ${service.host ?? ''}${service.path}  →  ${service.upstream}`)
    console.log(`  ${service.name}: ${service.price}`)
    if (service.host !== undefined && looksLikeAPath(service.host))
      console.log(
        `  only for requests to the host ${service.host}; for a path of every host write \`/${service.host}/…\``,
      )
    if (service.notFoundFor) console.log(`  404 for every other spelling of: ${service.notFoundFor.join(', ')}`)
    for (const example of service.examples) {
      console.log(`  example${example.title === undefined ? '' : ` “${example.title}”`}: ${example.price}`)
      for (const line of example.lines) console.log(`    ${line}`)
    }
    console.log('')
  }
  return Promise.resolve(exitCodes.ok)
}

function describe(service: Service, soldAmong: readonly Service[]) {
  const { config, contract, name } = service
  return {
    name,
    rev: service.rev,
    methods: contract.route.methods,
    host: config.key.host,
    path: config.key.path,
    upstream: `${config.upstream.origin}${config.upstream.path ?? config.key.path}`,
    price: contract.price === 'free' ? 'free' : priceRange(contract.price),
    ...(soldAmong.length > 0 && { notFoundFor: soldAmong.map((each) => each.name) }),
    examples: config.examples.flatMap((example) => {
      const priced = priceExample(service, example)
      return priced === 'free' || Array.isArray(priced) ? [] : [describeExample(priced)]
    }),
  }
}

/** A path that lacks the slash at its beginning names a host. */
const looksLikeAPath = (host: string): boolean => !/[.:]/.test(host) && host !== 'localhost'

const describeExample = ({ example, price }: PricedExample) => ({
  title: example.title,
  price: sats(whole(price.msat)),
  amountMsat: Number(price.msat),
  lines: price.lines.map(({ label }) => label),
})
