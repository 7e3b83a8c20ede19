import type { RouteTarget } from './route.ts'
import type { Service } from './service.ts'
import { SideDoors } from './side-doors.ts'

export type Match =
  | { readonly kind: 'service'; readonly service: Service; readonly params: ReadonlyMap<string, string> }
  | { readonly kind: 'wrong_method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' }

/** Everything that is offered, compiled and frozen; replaced whole on reload. */
export class Catalog {
  readonly services: readonly Service[]
  readonly #byName: ReadonlyMap<string, Service>
  readonly #sideDoors: SideDoors

  /** @param services the more specific before the less specific */
  constructor(services: readonly Service[]) {
    this.services = services
    this.#byName = new Map(services.map((service) => [service.name, service]))
    this.#sideDoors = new SideDoors(services)
    Object.freeze(this)
  }

  byName(name: string): Service | undefined {
    return this.#byName.get(name)
  }

  /** What is sold in the midst of the paths that a route takes: it answers 404 to every spelling of theirs. */
  soldAmong(service: Service): readonly Service[] {
    return this.#sideDoors.soldAmong(service)
  }

  match(method: string, target: RouteTarget): Match {
    const allow = new Set<string>()
    for (const service of this.services) {
      const params = service.match(target)
      if (!params) continue
      const { methods } = service.contract.route
      if (methods.includes(method)) {
        if (this.#sideDoors.leadsToSale(service, method, target, params)) return { kind: 'none' }
        return { kind: 'service', service, params }
      }
      for (const each of methods) allow.add(each)
    }
    return allow.size > 0 ? { kind: 'wrong_method', allow: [...allow] } : { kind: 'none' }
  }
}
