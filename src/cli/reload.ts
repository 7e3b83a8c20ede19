import { readFile } from 'node:fs/promises'
import { buildCatalog } from '../catalog/build.ts'
import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { contentHash } from '../config/files.ts'
import { loadConfig, type Sources } from '../config/load.ts'
import { formatProblem, sortProblems } from '../config/problem.ts'
import { liveSettings } from './live-settings.ts'
import type { RunningGateway } from './start-gateway.ts'

export interface ReloaderOptions {
  readonly gateway: Pick<RunningGateway, 'context' | 'telemetry' | 'readiness'>
  /** The main file. */
  readonly file: string
  /** What the configuration in use was read from. */
  readonly sources: Sources
  readonly environment: Environment
  /** What the command line set stands above the file. */
  readonly placed: (config: Config) => Config
}

const invalidNotice = 'the configuration on disk is invalid; the one before is in use'

/**
 * Takes changes of the configuration into use. Content is compared, not dates or links, since Kubernetes swaps links;
 * and a change is read only once it stands still, so that a file is not taken half written.
 */
export class Reloader implements AsyncDisposable {
  readonly #options: ReloaderOptions
  /** As they were when they were last loaded, well or not. */
  #sources: Sources
  /** A change that was seen once. */
  #seen: string | undefined
  #working: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#sources = options.sources
  }

  /** Looks at the files from now on. */
  watch(intervalMs: number): void {
    this.#timer ??= setInterval(() => void this.#next(() => this.#look()), intervalMs)
    this.#timer.unref()
  }

  /** Loads now, whether anything changed or not; resolves when it is done. Never rejects. */
  reload(): Promise<void> {
    return this.#next(() => this.#load())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#working
  }

  #next(work: () => Promise<void>): Promise<void> {
    const { events } = this.#options.gateway.telemetry
    this.#working = this.#working.then(work).catch((thrown: unknown) => {
      events.unexpected('the configuration could not be loaded anew', thrown)
    })
    return this.#working
  }

  async #look(): Promise<void> {
    const present = await digest(this.#sources.keys())
    if (present === textOf(this.#sources)) {
      this.#seen = undefined
    } else if (present === this.#seen) {
      await this.#load()
    } else {
      this.#seen = present
    }
  }

  async #load(): Promise<void> {
    const { gateway, file, environment, placed } = this.#options
    const { context, telemetry, readiness } = gateway
    const before = this.#sources
    this.#seen = undefined
    const loaded = loadConfig(file, environment)
    this.#sources = loaded.sources
    const wanted = loaded.config && liveSettings(context.config, placed(loaded.config))
    const built = wanted && buildCatalog(wanted.config)
    const problems = sortProblems([...loaded.problems, ...(built?.problems ?? [])])
    if (!wanted || !built || problems.length > 0) {
      readiness.notice = invalidNotice
      telemetry.events.configRefused(problems.map(formatProblem))
      return
    }
    try {
      await context.adopt(wanted.config, built.catalog)
    } catch (thrown) {
      // Looked at again, it is still a change.
      this.#sources = before
      telemetry.events.ledgerFailed('adopt', thrown)
      return
    }
    readiness.notice = undefined
    telemetry.logger.level = wanted.config.log.level
    telemetry.events.configAdopted(built.catalog.services.length, wanted.needRestart)
  }
}

const textOf = (sources: Sources): string =>
  [...sources].map(([file, hash]) => `${file} ${hash ?? 'unreadable'}\n`).join('')

async function digest(files: Iterable<string>): Promise<string> {
  const hashes = await Promise.all(
    [...files].map(async (file): Promise<[string, string | undefined]> => {
      const content = await readFile(file).catch(() => undefined)
      return [file, content && contentHash(content)]
    }),
  )
  return textOf(new Map(hashes))
}
