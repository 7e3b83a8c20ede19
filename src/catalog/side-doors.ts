import { isLoopback } from '../config/scalars.ts'
import { parsePattern } from '../config/service-key.ts'
import { foldCase, foldPath, isFile } from '../pricing/look-alike.ts'
import { containsPath, matchPath, overlapsPath, type RouteTarget } from './route.ts'
import type { Service } from './service.ts'

/**
 * A route that takes many paths must not lead to what is sold by itself, neither a free one nor one that has a price of its
 * own. Routers differ: what is `/v1/Images/` here, and so falls to `/v1/*`, many upstreams answer as `/v1/images`.
 */
export class SideDoors {
  /** What each route that takes many paths must not lead to; routes that can lead nowhere else are not in it. */
  readonly #guarded: ReadonlyMap<Service, readonly Priced[]>

  constructor(services: readonly Service[]) {
    const priced = services
      .filter(({ contract }) => contract.price !== 'free')
      .map((service) => {
        const exact = upstreamPattern(service)
        return { service, exact, folded: foldPatterns(exact) }
      })
    const guarded = services.map((through) => [through, priced.filter((each) => isGuarded(each, through))] as const)
    this.#guarded = new Map(guarded.filter(([, each]) => each.length > 0))
  }

  /**
   * True when `through`, by a `*` or a parameter, would send the request to where a priced service sends its own, in the
   * reading of a lenient router.
   */
  leadsToSale(through: Service, method: string, target: RouteTarget, params: ReadonlyMap<string, string>): boolean {
    const guarded = this.#guarded.get(through)
    if (!guarded) return false
    const path = through.upstreamPath(target, params) ?? target.path
    const format = through.contract.price === 'free' ? anyFormat : formatName
    let folded: readonly string[] | undefined
    return guarded.some(({ service, exact, folded: patterns }) => {
      // Who reads is asked for no work where that has to be posted; but many handlers take PUT as they take POST.
      if (isReading(method) && !service.contract.route.methods.includes(method)) return false
      folded ??= foldPath(path, format)
      const isExact = matchPath(exact, path) !== undefined
      if (!isExact && !folded.some((each) => patterns.some((pattern) => matchPath(pattern, each)))) return false
      return through.config.key.rest || !isExact
    })
  }

  /** What is sold in the midst of the paths that `through` takes: a spelling of its path is not found there. */
  soldAmong(through: Service): readonly Service[] {
    const taken = foldPattern(upstreamPattern(through))
    const onlyReads = through.contract.route.methods.every(isReading)
    return (this.#guarded.get(through) ?? [])
      .filter(({ service, folded }) => {
        const isAmong = folded.some((each) => overlapsPath(taken, each))
        return isAmong && !(onlyReads && !service.contract.route.methods.some(isReading))
      })
      .map(({ service }) => service)
  }
}

/** A service that sells, and where it sends its requests. */
interface Priced {
  readonly service: Service
  readonly exact: Pattern
  readonly folded: readonly Pattern[]
}

/**
 * Whether `through` takes so many paths that it could lead to what is sold. A route without `*` or parameter may name the
 * very same path: then the operator has said so. Of two that are priced the one that takes fewer paths of the upstream has
 * its own price.
 */
function isGuarded({ service, exact }: Priced, through: Service): boolean {
  const { key, upstream } = through.config
  if (!key.rest && key.segments.every(({ kind }) => kind === 'exact')) return false
  if (!isSameServer(service.config.upstream, upstream)) return false
  if (through.contract.price === 'free') return true
  const own = upstreamPattern(through)
  if (!containsPath(own, exact) || containsPath(exact, own)) return false
  // Where only reading is sold, a route that is written for another method sells that by its own price.
  const isForAnother = key.method !== undefined && key.method !== 'GET'
  return !(isForAnother && service.contract.route.methods.every(isReading))
}

const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'

const anyFormat = /\.[^./]+$/
/** Beside a path with a price of its own there may be others that go on with a version: `gpt-4`, `gpt-4.1`. */
const formatName = /\.[a-z][^./]*$/i

/** The host that a client names is no difference: an upstream is told its own, or the one of the configuration. */
function isSameServer(a: UpstreamConfig, b: UpstreamConfig): boolean {
  const [one, other] = [a.headers.host, b.headers.host]
  return serverOf(a.origin) === serverOf(b.origin) && (one === undefined || other === undefined || one === other)
}

/** A server of this machine listens under more than one of its names. */
function serverOf(origin: string): string {
  const { protocol, hostname, port } = new URL(origin)
  return isLoopback(hostname.replace(/^\[|\]$/g, '')) ? `${protocol}//localhost:${port}` : origin
}

type UpstreamConfig = Service['config']['upstream']
type Pattern = Parameters<typeof matchPath>[0]

function upstreamPattern({ config }: Service): Pattern {
  const template = config.upstream.path === undefined ? config.key : parsePattern(config.upstream.path)
  return 'segments' in template ? template : config.key
}

/** A script answers for every path that goes on behind it: `/v1/make.php/anything`. */
function foldPatterns(pattern: Pattern): Pattern[] {
  const folded = foldPattern(pattern)
  const last = folded.segments.at(-1)
  const isScript = !folded.rest && last?.kind === 'exact' && isFile(last.text)
  return isScript ? [folded, { ...folded, rest: true }] : [folded]
}

/** The pattern that folded paths are compared with: the slash at its end means nothing there. */
function foldPattern({ segments, rest }: Pattern): Pattern {
  const folded = segments.map((segment) =>
    segment.kind === 'exact' ? { kind: segment.kind, text: foldCase(segment.text) } : segment,
  )
  const last = folded.at(-1)
  if (!rest && folded.length > 1 && last?.kind === 'exact' && last.text === '') folded.pop()
  return { segments: folded, rest }
}
