import { existsSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import { formatProblem, sortProblems } from '../config/problem.ts'
import type { ListenAddress } from '../config/scalars.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import { formatAddress } from './listen.ts'
import { placed } from './load-or-explain.ts'

/** How a command finds the gateway it is about. */
export const operatorOptions = {
  config: { type: 'string', short: 'c' },
  admin: { type: 'string' },
  data: { type: 'string' },
} as const

export interface OperatorPlace {
  readonly dataDir: string
  readonly adminUrl: string
  readonly token: string | undefined
  readonly contact: string | undefined
}

/**
 * Where ledger and operator's listener are, by the configuration. What is wrong with its services is no hindrance: the
 * gateway may be running on an earlier one.
 * @throws CommandError
 */
export function operatorPlace(values: { config?: string; admin?: string; data?: string }): OperatorPlace {
  const file = values.config ?? 'gateway.yaml'
  if (!existsSync(file)) {
    throw new CommandError(exitCodes.usage, `there is no ${file} here; name the gateway’s configuration with --config`)
  }
  const { config: loaded, problems } = loadConfig(file, process.env)
  const hindering = problems.filter(({ path }) => path.length === 0 || path[0] === 'admin' || path[0] === 'data')
  if (!loaded || hindering.length > 0) {
    throw new CommandError(exitCodes.usage, sortProblems(problems).map(formatProblem).join('\n'))
  }
  const { admin, dataDir, contact } = placed(loaded, values)
  return { dataDir, adminUrl: `http://${formatAddress(reachable(admin.listen))}`, token: admin.token, contact }
}

/** A listener on every address is reached by the nearest. */
function reachable(address: ListenAddress): ListenAddress {
  if (address.host === '0.0.0.0') return { ...address, host: '127.0.0.1' }
  return address.host === '::' ? { ...address, host: '::1' } : address
}
