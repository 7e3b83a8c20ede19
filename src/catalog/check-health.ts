import type { ConfigPath } from '../config/problem.ts'
import { parsePattern } from '../config/service-key.ts'
import { matchPath } from './route.ts'
import type { Service } from './service.ts'

/**
 * A health check is a call that nobody pays for, so it must not go where something is sold, whatever the method: an
 * upstream that takes GET for POST would do the work again and again.
 */
export function checkHealth(services: readonly Service[], complain: (path: ConfigPath, message: string) => void): void {
  const seen = new Set<string>()
  for (const { config } of services) {
    const { name, health } = config.upstream
    if (!health || seen.has(name)) continue
    seen.add(name)
    const path = health.path.replace(/\?.*$/, '').replace(/(?<=.)\/$/, '')
    const sold = services.find(
      (other) => other.config.upstream.origin === config.upstream.origin && isSoldAt(other, path),
    )
    if (!sold) continue
    // An upstream without a name stands in its service.
    const at = name.includes(':') ? [...config.path, 'upstream'] : ['upstreams', name]
    complain(
      [...at, 'health', 'path'],
      `is where ${sold.config.keyText} sends what was paid for; give the check a path of its own, such as \`/healthz\``,
    )
  }
}

function isSoldAt({ config, contract }: Service, path: string): boolean {
  if (contract.price === 'free') return false
  const template = config.upstream.path === undefined ? config.key : parsePattern(config.upstream.path)
  return 'segments' in template && matchPath(template, path) !== undefined
}
