import type { Config, ServiceConfig } from '../config/config.ts'
import type { ConfigPath, Problem } from '../config/problem.ts'
import { paramNames, parsePattern } from '../config/service-key.ts'
import { Catalog } from './catalog.ts'
import { checkDefaults } from './check-defaults.ts'
import { checkExamples } from './check-examples.ts'
import { checkPrice } from './check-price.ts'
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
  const compiler = new SchemaCompiler()
  const services = config.services.flatMap((each): Service[] => {
    checkService(each, config, complain)
    try {
      return [compileService(each, compiler)]
    } catch (thrown) {
      if (!(thrown instanceof SchemaProblem)) throw thrown
      const path = thrown.what === 'result.schema' ? ['result', 'schema'] : ['request', thrown.what]
      complain([...each.path, ...path], `is not a schema that can be used: ${thrown.message}`)
      return []
    }
  })
  checkNames(services, complain)
  checkRoutes(services, complain)
  for (const service of services) {
    const schemaComplaint = (path: ConfigPath, message: string) => complain([...service.config.path, ...path], message)
    const { schema, query } = service.config.request
    checkDefaults(schema, ['request', 'schema'], compiler, schemaComplaint)
    checkDefaults(query, ['request', 'query'], compiler, schemaComplaint)
    checkPrice(service, schemaComplaint)
    checkExamples(service, schemaComplaint)
  }
  return { catalog: new Catalog(orderBySpecificity(services)), problems }
}

type Complain = (path: ConfigPath, message: string) => void

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
        complain([...path, 'upstream'], `\`:${name}\` is not a parameter of the path \`${key.path}\``)
    }
    if (template.rest && !key.rest)
      complain([...path, 'upstream'], 'ends in `*`, but the path it is filled from does not')
  }
  if (service.charge.when === 'on_delivery') {
    complain([...path, 'charge'], 'no configured wallet can hold a payment; use `charge: upfront`')
  }
  if (price === 'free' && service.request.schema !== undefined) {
    complain(
      [...path, 'request', 'schema'],
      'requests of a free route pass straight through and are not validated; remove it',
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
      complain(service.config.path, `${same} ${other.config.keyText}, and neither is the more specific one`)
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
