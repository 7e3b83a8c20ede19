import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Config, ServiceConfig, ServiceDefinition, WalletConfig } from './config.ts'
import { readDocument, type SettingsDocument } from './document.ts'
import { type Environment, expandEnvironment } from './environment.ts'
import { explain } from './explain.ts'
import { inlineFiles, reason } from './files.ts'
import { ConfigError, type ConfigPath, type Place, type Problem } from './problem.ts'
import { isLoopback } from './scalars.ts'
import { type FileInput, fileSchema, longestTokenTtlMs, serviceSchema } from './schema.ts'
import { readService } from './service.ts'

export interface LoadOutcome {
  /** Undefined when the file could not be read far enough; services with problems are left out of it. */
  readonly config: Config | undefined
  readonly problems: readonly Problem[]
}

/**
 * Reads a configuration file and everything it names. Never throws for what stands in it: all problems are returned
 * together, in no particular order.
 */
export function loadConfig(file: string, environment: Environment): LoadOutcome {
  try {
    return loadConfigText(readFileSync(file, 'utf8'), file, environment)
  } catch (thrown) {
    const place = { file, line: 1, column: 1 }
    return { config: undefined, problems: [{ place, path: [], message: `cannot be read: ${reason(thrown)}` }] }
  }
}

/** The same for a text that stands in no file yet; `file` is the name it is reported and resolved under. */
export function loadConfigText(text: string, file: string, environment: Environment): LoadOutcome {
  const baseDir = dirname(resolve(file))
  const main = readDocument(text, file)
  const problems: Problem[] = [...main.problems]
  const inlined = new Map<string, { path: ConfigPath; document: SettingsDocument }>()
  const locate = (path: ConfigPath): Place => locateIn(main, inlined, path)
  const onProblem = (path: ConfigPath, message: string): void => {
    problems.push({ place: locate(path), path, message })
  }
  if (typeof main.value !== 'object' || main.value === null || Array.isArray(main.value)) {
    if (problems.length === 0) onProblem([], 'is not a block of keys; begin with `services:`')
    return { config: undefined, problems }
  }
  const expanded = expandEnvironment(main.value, environment, (name, path) => {
    onProblem(path, `\`\${${name}}\` is not set in the environment`)
  })
  const onDocument = (path: ConfigPath, document: SettingsDocument): void => {
    inlined.set(path.join('/'), { path, document })
    problems.push(...document.problems)
  }
  const full = inlineFiles(expanded, { baseDir, kinds: 'all', onProblem, onDocument }) as Record<string, unknown>
  const asWritten = inlineFiles(main.value, {
    baseDir,
    kinds: 'structured',
    onProblem: () => undefined,
    onDocument: () => undefined,
  }) as Record<string, unknown>

  const { services, ...rest } = full
  const top = fileSchema.omit({ services: true }).safeParse(rest)
  if (!top.success) {
    for (const { path, message, atKey } of explain(top.error.issues, rest, fileSchema)) {
      problems.push({ place: atKey ? main.locateKey(path) : locate(path), path, message })
    }
  }
  const written = asBlock(services)
  if (!written || Object.keys(written).length === 0)
    onProblem(['services'], 'is missing: name at least one `path: { upstream, price }`')
  const input: Omit<FileInput, 'services'> = top.success ? top.data : fileSchema.omit({ services: true }).parse({})
  const raw = asBlock(asWritten.services) ?? {}
  const parsed = Object.entries(written ?? {}).flatMap(([key, value]): ServiceConfig[] => {
    const result = serviceSchema.safeParse(value)
    if (!result.success) {
      for (const { path, message, atKey } of explain(result.error.issues, value, serviceSchema)) {
        const here = ['services', key, ...path]
        problems.push({ place: atKey ? main.locateKey(here) : locate(here), path: here, message })
      }
      return []
    }
    const definition = defineService(key, asBlock(value) ?? {}, asBlock(raw[key]) ?? {}, asWritten, input)
    const service = readService(key, result.data, definition, { ...input, baseDir, onProblem })
    return service ? [service] : []
  })
  const config = complete(input, parsed, { file, baseDir, locate, onProblem })
  return { config: top.success ? config : undefined, problems }
}

/** @throws ConfigError when the definition needs something that is no longer there, such as an unset `${NAME}` */
export function readDefinition(definition: ServiceDefinition, environment: Environment): ServiceConfig {
  const problems: Problem[] = []
  const place = { file: `definition of ${definition.name}`, line: 1, column: 1 }
  const onProblem = (path: ConfigPath, message: string): void => {
    problems.push({ place, path, message })
  }
  const expanded = expandEnvironment(definition.served, environment, (name, path) => {
    onProblem(path, `\`\${${name}}\` is not set in the environment`)
  })
  const served = inlineFiles(expanded, { baseDir: '/', kinds: 'all', onProblem, onDocument: () => undefined })
  const parsed = serviceSchema.safeParse({ ...(served as object), ...definition.sold, name: definition.name })
  const defaults = fileSchema.shape.defaults.parse({})
  const service = parsed.success
    ? readService(definition.key, parsed.data, definition, { upstreams: {}, defaults, baseDir: '/', onProblem })
    : undefined
  if (!parsed.success) onProblem([], parsed.error.message)
  if (!service || problems.length > 0) throw new ConfigError(problems)
  return service
}

/** Everything that shapes, prices and serves one service, with defaults and the shared upstream written out. */
function defineService(
  key: string,
  full: Record<string, unknown>,
  written: Record<string, unknown>,
  file: Record<string, unknown>,
  input: Omit<FileInput, 'services'>,
): ServiceDefinition {
  const { request, price } = full
  const { request: _request, price: _price, examples: _examples, upstream, ...others } = written
  const use = asBlock(upstream)?.use
  const shared = typeof use === 'string' ? asBlock(asBlock(file.upstreams)?.[use]) : undefined
  const path = asBlock(upstream)?.path
  const url =
    typeof shared?.url === 'string' && typeof path === 'string'
      ? `${shared.url.replace(/\/$/, '')}${path}`
      : shared?.url
  const { defaults } = input
  const result = { ttl: `${defaults.result.ttl}ms`, max_bytes: defaults.result.max_bytes, ...asBlock(others.result) }
  return {
    format: 1,
    name: key,
    key,
    sold: { price, request: { max_bytes: defaults.request.max_bytes, ...asBlock(request) } },
    served: {
      attempts: defaults.attempts,
      timeout: writtenTimeout(defaults.timeout),
      ...others,
      result,
      upstream: shared ? { ...shared, url } : upstream,
    },
  }
}

function writtenTimeout(timeout: FileInput['defaults']['timeout']): unknown {
  if (typeof timeout === 'number') return `${timeout}ms`
  return Object.fromEntries(Object.entries(timeout).map(([key, ms]) => [key, `${ms}ms`]))
}

interface Frame {
  readonly file: string
  readonly baseDir: string
  readonly locate: (path: ConfigPath) => Place
  readonly onProblem: (path: ConfigPath, message: string) => void
}

/** The rules that join sections of the file, and the finished configuration. */
function complete(input: Omit<FileInput, 'services'>, services: readonly ServiceConfig[], frame: Frame): Config {
  const { onProblem } = frame
  if (!isLoopback(input.admin.listen.host) && input.admin.token === undefined) {
    onProblem(
      ['admin', 'listen'],
      'is not a loopback address, so `token_file` is needed: everything there can spend and read',
    )
  }
  const longestCallMs = Math.max(
    0,
    ...services.filter(({ price }) => price !== 'free').map(({ timeouts }) => timeouts.totalMs),
  )
  const needed = input.lightning.invoice_expiry + longestCallMs + retryWindowMs
  if (input.l402.token_ttl < needed) {
    const minutes = Math.ceil(needed / 60_000)
    onProblem(
      ['l402', 'token_ttl'],
      `is too short: an invoice paid in its last second, the longest call and a retry need ${minutes}m`,
    )
  }
  if (input.l402.token_ttl > longestTokenTtlMs) onProblem(['l402', 'token_ttl'], 'is above 366d')
  return Object.freeze({
    file: frame.file,
    listen: input.listen,
    admin: { listen: input.admin.listen, token: input.admin.token },
    health: input.health,
    publicUrl: input.public_url?.replace(/\/$/, ''),
    contact: input.contact,
    dataDir: resolve(frame.baseDir, input.data),
    site: input.site,
    lightning: {
      wallets: readWallets(input.lightning.wallet, onProblem),
      invoiceExpiryMs: input.lightning.invoice_expiry,
      timeoutMs: input.lightning.timeout,
    },
    l402: { tokenTtlMs: input.l402.token_ttl, legacyLsat: input.l402.legacy_lsat },
    log: input.log,
    services,
    locate: frame.locate,
  })
}

/** How long a buyer may take to come back after a failure. */
const retryWindowMs = 10 * 60_000

function readWallets(
  input: FileInput['lightning']['wallet'],
  onProblem: (path: ConfigPath, message: string) => void,
): WalletConfig[] {
  const path = ['lightning', 'wallet']
  const list = input === 'dev' ? [{ dev: {} }] : Array.isArray(input) ? input : [input]
  const names = new Set<string>()
  return list.map((wallet, index): WalletConfig => {
    const at = Array.isArray(input) ? [...path, index] : path
    const name = ('name' in wallet ? wallet.name : undefined) ?? 'dev'
    if (names.has(name)) onProblem(at, `another wallet has the name \`${name}\` too; give each a \`name\` of its own`)
    names.add(name)
    return { name, kind: 'dev', path: at }
  })
}

function locateIn(
  main: SettingsDocument,
  inlined: ReadonlyMap<string, { path: ConfigPath; document: SettingsDocument }>,
  path: ConfigPath,
): Place {
  for (const { path: at, document } of inlined.values()) {
    if (at.every((key, index) => path[index] === key)) return document.locate(path.slice(at.length))
  }
  const direct = main.locate(path)
  return direct
}

const asBlock = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
