import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { complete } from './complete.ts'
import type { Config, ServiceConfig, ServiceDefinition } from './config.ts'
import { defineService } from './definition.ts'
import { asBlock, readDocument, type SettingsDocument } from './document.ts'
import { type Environment, expandEnvironment } from './environment.ts'
import { explain, type Finding } from './explain.ts'
import { contentHash, type InlineOptions, inlineFiles, reason } from './files.ts'
import { shareLimits } from './limits.ts'
import { ConfigError, type ConfigPath, type Place, type Problem } from './problem.ts'
import { fileSchema, type TopInput, topSchema } from './schema.ts'
import { readService } from './service.ts'
import { serviceSchema } from './service-schema.ts'

export interface LoadOutcome {
  /**
   * What could be read, for more to be judged; good for use only without problems. Undefined when the file is not even
   * a block of keys.
   */
  readonly config: Config | undefined
  readonly problems: readonly Problem[]
  /** Every file that was read, by absolute path, with the SHA-256 of its content; undefined: it could not be read. */
  readonly sources: Sources
}

export type Sources = ReadonlyMap<string, string | undefined>

/**
 * Reads a configuration file and everything it names. Never throws for what stands in it: all problems are returned
 * together, in no particular order.
 */
export function loadConfig(file: string, environment: Environment): LoadOutcome {
  let text: Buffer
  try {
    text = readFileSync(file)
  } catch (thrown) {
    const place = { file, line: 1, column: 1 }
    const problems = [{ place, path: [], message: `cannot be read: ${reason(thrown)}` }]
    return { config: undefined, problems, sources: new Map([[resolve(file), undefined]]) }
  }
  const { sources, ...loaded } = loadConfigText(text.toString('utf8'), file, environment)
  return { ...loaded, sources: new Map([[resolve(file), contentHash(text)], ...sources]) }
}

/** The same for a text that stands in no file yet; `file` is the name it is reported and resolved under. */
export function loadConfigText(text: string, file: string, environment: Environment): LoadOutcome {
  const baseDir = dirname(resolve(file))
  const main = readDocument(text, file)
  const problems: Problem[] = [...main.problems]
  const sources = new Map<string, string | undefined>()
  const onRead = (named: string, content: Buffer | undefined): void => {
    sources.set(named, content && contentHash(content))
  }
  const inlined: Inlined[] = []
  const locate = (path: ConfigPath): Place => locateIn(main, inlined, path)
  const onProblem = (path: ConfigPath, message: string): void => {
    problems.push({ place: locate(path), path, message })
  }
  const whole = asBlock(main.value)
  if (!whole) {
    if (problems.length === 0) onProblem([], 'is not a block of keys; begin with `services:`')
    return { config: undefined, problems, sources }
  }
  /** Values that are missing, and of which the reason has been told. */
  const saidOf = new Set<string>()
  const onFinding = (before: ConfigPath, { path: inner, message, atKey }: Finding): void => {
    const path = [...before, ...inner]
    if (saidOf.has(path.join('/'))) return
    problems.push({ place: atKey ? main.locateKey(path) : locate(path), path, message })
  }
  const unreadable = new Set<unknown>()
  const { full, written } = putInPlace(whole, baseDir, environment, {
    onProblem,
    onRead,
    onUnset(name, path) {
      saidOf.add(path.join('/'))
      onProblem(path, unset(name))
    },
    onUnreadable(path) {
      unreadable.add(path.slice(0, 2).join(' '))
      saidOf.add(path.join('/').replace(/_file$/, ''))
    },
    onDocument(path, document) {
      inlined.push({ path, document })
      problems.push(...document.problems)
    },
  })
  const { services, ...rest } = full
  const { input, broken, issues } = readTop(rest)
  for (const finding of explain(issues, rest, fileSchema)) onFinding([], finding)
  const blocks = asBlock(services) ?? {}
  if (Object.keys(blocks).length === 0) onProblem(['services'], servicesMissing)
  const parsed = Object.entries(blocks).flatMap(([key, value]): ServiceConfig[] => {
    const result = serviceSchema.safeParse(value)
    if (!result.success) {
      for (const finding of explain(result.error.issues, value, serviceSchema)) onFinding(['services', key], finding)
      return []
    }
    const definition = defineService(
      key,
      asBlock(value) ?? {},
      asBlock(asBlock(written.services)?.[key]) ?? {},
      written,
      input,
    )
    const upstreamNames = Object.keys(asBlock(rest.upstreams) ?? {})
    const service = readService(key, result.data, definition, { ...input, upstreamNames, baseDir, onProblem, onRead })
    return service && !unreadable.has(`services ${key}`) ? [service] : []
  })
  return { config: complete(input, parsed, { file, baseDir, locate, onProblem, broken }), problems, sources }
}

const servicesMissing =
  'needs a key for each service, such as `/path: { upstream: "http://127.0.0.1:9000", price: { flat: 10 } }`'

interface Whole {
  /** With values of the environment and contents of files. */
  readonly full: Record<string, unknown>
  /** With contents of structured files only, so that it can be stored. */
  readonly written: Record<string, unknown>
}

function putInPlace(
  value: Record<string, unknown>,
  baseDir: string,
  environment: Environment,
  on: Pick<InlineOptions, 'onProblem' | 'onUnreadable' | 'onDocument' | 'onRead'> & {
    readonly onUnset: (name: string, path: ConfigPath) => void
  },
): Whole {
  const ignore = () => undefined
  const expanded = expandEnvironment(value, environment, on.onUnset)
  return {
    full: inlineFiles(expanded, { baseDir, kinds: 'all', ...on }) as Record<string, unknown>,
    written: inlineFiles(value, {
      baseDir,
      kinds: 'structured',
      onProblem: ignore,
      onUnreadable: ignore,
      onDocument: ignore,
      onRead: ignore,
    }) as Record<string, unknown>,
  }
}

const unset = (name: string): string => `\`\${${name}}\` is not set in the environment, or is empty`

interface Top {
  readonly input: TopInput
  /** Sections that were left out because of their problems. */
  readonly broken: ReadonlySet<string>
  readonly issues: readonly z.core.$ZodIssue[]
}

/** What stands around the services. Sections and upstreams with problems are left out, so that the rest can be judged. */
function readTop(rest: Record<string, unknown>): Top {
  const whole = topSchema.safeParse(rest)
  if (whole.success) return { input: whole.data, broken: new Set(), issues: [] }
  const { issues } = whole.error
  const broken = new Set(
    issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
    ),
  )
  const brokenUpstreams = new Set(issues.flatMap(({ path }) => (path[0] === 'upstreams' ? [path[1]] : [])))
  const upstreams = Object.entries(asBlock(rest.upstreams) ?? {}).filter(([name]) => !brokenUpstreams.has(name))
  const kept = Object.entries(rest).filter(([key]) => !broken.has(key))
  return {
    input: topSchema.parse({ ...Object.fromEntries(kept), upstreams: Object.fromEntries(upstreams) }),
    broken,
    issues,
  }
}

/** @throws ConfigError when the definition needs something that is no longer there, such as an unset `${NAME}` */
export function readDefinition(definition: ServiceDefinition, environment: Environment): ServiceConfig {
  const problems: Problem[] = []
  const place = { file: `definition of ${definition.name}`, line: 1, column: 1 }
  const onProblem = (path: ConfigPath, message: string): void => {
    problems.push({ place, path, message })
  }
  const expanded = expandEnvironment(definition.served, environment, (name, path) => {
    onProblem(path, unset(name))
  })
  const ignore = () => undefined
  const served = inlineFiles(expanded, {
    baseDir: '/',
    kinds: 'all',
    onProblem,
    onUnreadable: ignore,
    onDocument: ignore,
    onRead: ignore,
  })
  const parsed = serviceSchema.safeParse({ ...(served as object), ...definition.sold, name: definition.name })
  const defaults = fileSchema.shape.defaults.parse({})
  const service = parsed.success
    ? readService(definition.key, parsed.data, definition, {
        upstreams: {},
        upstreamNames: [],
        defaults,
        baseDir: '/',
        onProblem,
        onRead: ignore,
      })
    : undefined
  if (!parsed.success) onProblem([], parsed.error.message)
  const [whole] = service ? shareLimits([service], defaults, onProblem) : []
  if (!whole || problems.length > 0) throw new ConfigError(problems)
  return whole
}

interface Inlined {
  readonly path: ConfigPath
  readonly document: SettingsDocument
}

function locateIn(main: SettingsDocument, inlined: readonly Inlined[], path: ConfigPath): Place {
  for (const { path: at, document } of inlined) {
    if (at.every((key, index) => path[index] === key)) return document.locate(path.slice(at.length))
  }
  // A service is known by its key, and what is wrong with it as a whole is wrong there.
  return path.length === 2 && path[0] === 'services' ? main.locateKey(path) : main.locate(path)
}
