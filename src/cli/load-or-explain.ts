import { resolve } from 'node:path'
import { buildCatalog } from '../catalog/build.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { loadConfig, type Sources } from '../config/load.ts'
import { formatProblem, sortProblems } from '../config/problem.ts'
import { parseListenAddress } from '../config/scalars.ts'
import { CommandError, exitCodes } from './exit-codes.ts'

export interface Loaded {
  readonly config: Config
  readonly catalog: Catalog
  readonly sources: Sources
}

/** @throws CommandError listing every problem of the configuration */
export function loadOrExplain(file: string, environment: Environment): Loaded {
  const { config, problems, sources } = loadConfig(file, environment)
  const built = config && buildCatalog(config)
  const all = sortProblems([...problems, ...(built?.problems ?? [])])
  if (all.length > 0 || !config || !built) {
    const count = `${all.length} ${all.length === 1 ? 'problem' : 'problems'}`
    throw new CommandError(exitCodes.usage, `${all.map(formatProblem).join('\n')}\n${count} in ${file}`)
  }
  return { config, catalog: built.catalog, sources }
}

export interface Placement {
  readonly listen?: string | undefined
  readonly admin?: string | undefined
  readonly data?: string | undefined
}

/** Applies `--listen`, `--admin` and `--data`. @throws CommandError */
export function placed(config: Config, { listen, admin, data }: Placement): Config {
  return {
    ...config,
    ...(listen !== undefined && { listen: readAddress('--listen', listen) }),
    ...(admin !== undefined && { admin: { ...config.admin, listen: readAddress('--admin', admin) } }),
    ...(data !== undefined && { dataDir: resolve(data) }),
  }
}

function readAddress(flag: string, text: string) {
  const address = parseListenAddress(text)
  if (!address) throw new CommandError(exitCodes.usage, `${flag} ${text}: write host and port, such as 127.0.0.1:8402`)
  return address
}
