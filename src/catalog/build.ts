import type { Config, ServiceConfig } from '../config/config.ts'
import type { ConfigPath, Problem } from '../config/problem.ts'
import { paramNames, parsePattern } from '../config/service-key.ts'
import { longestHoldMs } from '../ports/hold-wallet.ts'
import { Catalog } from './catalog.ts'
import { checkDefaults } from './check-defaults.ts'
import { checkExamples } from './check-examples.ts'
import { checkHealth } from './check-health.ts'
import { checkPrice } from './check-price.ts'
import { explainSchemaFault } from './check-schema.ts'
import { contains, containsPath, overlaps } from './route.ts'
import { compileService, SchemaProblem, type Service } from './service.ts'
import { SchemaCompiler } from './validator.ts'

export interface BuildOutcome {
  /** Of the services without problems. */
  readonly catalog: Catalog
  readonly problems: readonly Problem[]
}

/** Compiles what a configuration offers and judges what only shows then: schemas, routes, examples, prices. */
export function buildCatalog(config: Config): BuildOutcome {
  const problems: Problem[] = []
  const complain = (path: ConfigPath, message: string): void => {
    problems.push({ place: config.locate(path), path, message })
  }
  const shared = new SchemaCompiler()
  const services = config.services.flatMap((each): Service[] => {
    checkService(each, config, complain)
    try {
      return [compileService(each, hasId(each) ? new SchemaCompiler() : shared)]
    } catch (thrown) {
      if (!(thrown instanceof SchemaProblem)) throw thrown
      const isResult = thrown.what === 'result.schema'
      const path = isResult ? ['result', 'schema'] : ['request', thrown.what]
      const schema = isResult ? each.result.schema : thrown.what === 'query' ? each.request.query : each.request.schema
      const fault = explainSchemaFault(schema, thrown.message)
      complain([...each.path, ...path, ...fault.at], fault.message)
      return []
    }
  })
  checkNames(services, complain)
  checkRoutes(services, complain)
  checkHealth(services, complain)
  for (const service of services) {
    const complainBelow = (path: ConfigPath, message: string) => complain([...service.config.path, ...path], message)
    const { schema, query } = service.config.request
    const compiler = hasId(service.config) ? new SchemaCompiler() : shared
    const frame = { compiler, name: service.config.keyText }
    checkDefaults(schema, { ...frame, path: ['request', 'schema'] }, complainBelow)
    checkDefaults(query, { ...frame, path: ['request', 'query'] }, complainBelow)
    checkBody(service, complainBelow)
    checkPrice(service, complainBelow)
    checkExamples(service, complainBelow)
  }
  return { catalog: new Catalog(orderBySpecificity(services)), problems }
}

type Complain = (path: ConfigPath, message: string) => void

/** A compiler takes each `$id` only once, and the same schema may serve several services. */
const hasId = ({ request, result }: ServiceConfig): boolean =>
  JSON.stringify([request.schema, request.query, result.schema]).includes('"$id"')

function checkService(service: ServiceConfig, config: Config, complain: Complain): void {
  const { key, path, price, upstream } = service
  const prefix = parsePattern(`${config.site.prefix}/*`)
  const inside = 'segments' in prefix && (containsPath(prefix, key) || key.path === config.site.prefix)
  if (inside)
    complain(
      path,
      `lies under ${config.site.prefix}, which is the gateway’s own; choose another path or set \`site.prefix\``,
    )
  if (price === 'free' && key.rest && key.segments.length === 0) {
    complain(path, 'would give everything away that has no other entry; name the paths that are free')
  }
  if (service.websocket && price !== 'free') {
    complain(
      [...path, 'websocket'],
      'a WebSocket cannot be sold per request; only a `price: free` route may pass upgrades',
    )
  }
  const template = upstream.path === undefined ? undefined : parsePattern(upstream.path)
  if (template && 'segments' in template) {
    const known = new Set(paramNames(key.segments))
    for (const name of paramNames(template.segments)) {
      if (!known.has(name))
        complain([...path, 'upstream'], `needs \`:${name}\`, which is not a parameter of the path \`${key.path}\``)
    }
    if (template.rest && !key.rest)
      complain([...path, 'upstream'], 'ends in `*`, but the path it is filled from does not')
  }
  if (service.upstreamJob && service.stream) {
    complain(
      [...path, 'stream'],
      'has nothing to send on while `upstream_job` waits for the result; remove one of them',
    )
  }
  if (service.charge.when === 'on_delivery') checkCharge(service, config, complain)
  if (price === 'free') checkFree(service, complain)
}

const holdingWallets: ReadonlySet<string> = new Set(['dev', 'lnd', 'nwc'])

function checkCharge({ path, charge, stream }: ServiceConfig, { lightning }: Config, complain: Complain): void {
  if (charge.when !== 'on_delivery') return
  if (!lightning.wallets.some(({ kind }) => holdingWallets.has(kind))) {
    complain(
      [...path, 'charge'],
      'needs a wallet that can hold a payment: `dev`, `lnd` or `nwc`; configure one, or use `charge: upfront`',
    )
  }
  if (charge.holdMs > longestHoldMs) {
    complain(
      [...path, 'charge', 'on_delivery', 'hold'],
      'may be at most 30m: a payment is held in a channel of everybody on its way',
    )
  }
  if (stream) {
    complain(
      [...path, 'stream'],
      'has nobody to send to while the payment is held; remove it, or use `charge: upfront`',
    )
  }
}

/** What a free route cannot keep would look as if it were kept. */
function checkFree({ path, request, result, upstreamJob }: ServiceConfig, complain: Complain): void {
  const advice = 'has no effect on a free route, whose requests and answers pass straight through; remove it'
  if (request.schema !== undefined) complain([...path, 'request', 'schema'], advice)
  if (request.query !== undefined) complain([...path, 'request', 'query'], advice)
  if (result.schema !== undefined) complain([...path, 'result', 'schema'], advice)
  if (upstreamJob) complain([...path, 'upstream_job'], advice)
}

/** A schema that no request would ever be judged by, or that no request could come to. */
function checkBody({ config, contract }: Service, complain: Complain): void {
  const { body, route, price } = contract
  if (price === 'free') return
  if (body.kind === 'none' && config.request.schema !== undefined) {
    complain(['request', 'schema'], `is for a body, and ${route.methods[0]} has none; give \`query\` a schema instead`)
  }
  if (body.kind === 'structured' && !body.json && !body.multipart) {
    complain(
      ['request', 'content_type'],
      'must be application/json or multipart/form-data where the body is validated or priced',
    )
  }
}

function checkNames(services: readonly Service[], complain: Complain): void {
  const seen = new Map<string, Service>()
  for (const service of services) {
    const other = seen.get(service.name)
    if (other) {
      complain(
        service.config.path,
        `has the name \`${service.name}\`, as ${other.config.keyText} has; give one of them a \`name\``,
      )
    }
    seen.set(service.name, service)
  }
}

function checkRoutes(services: readonly Service[], complain: Complain): void {
  for (const [index, service] of services.entries()) {
    for (const other of services.slice(0, index)) {
      const [a, b] = [service.contract.route, other.contract.route]
      if (!overlaps(a, b) || contains(a, b) !== contains(b, a)) continue
      const same = contains(a, b) ? 'takes the same requests as' : 'takes some of the same requests as'
      const advice = 'give one of them another path, method or host'
      complain(service.config.path, `${same} ${other.config.keyText}, and neither is the more specific one; ${advice}`)
    }
  }
}

/** Of two routes that share requests one contains the other, and the one inside more others is the more specific. */
function orderBySpecificity(services: readonly Service[]): Service[] {
  const depth = (service: Service) =>
    services.filter((other) => other !== service && contains(other.contract.route, service.contract.route)).length
  return services
    .map((service) => ({ service, depth: depth(service) }))
    .toSorted((a, b) => b.depth - a.depth)
    .map(({ service }) => service)
}
