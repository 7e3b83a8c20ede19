import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfigText } from '#src/config/load.ts'
import { formatProblem, sortProblems } from '#src/config/problem.ts'
import { environment } from './environment.ts'
import { summarise } from './summary.ts'

/**
 * Every file of `cases/` is one test: a configuration, a line of dashes, and what is said of it: the problems exactly
 * as they are printed, or what was loaded. `npx vitest run test/config -u` writes the second half; read the diff.
 */

const directory = join(import.meta.dirname, 'cases')
const suffix = '-golden'
const divider = '\n----------------------------------------\n'

describe('every golden configuration is judged as its file says', () => {
  const cases = readdirSync(directory).filter((name) => name.endsWith(`.yaml${suffix}`))
  test.each(cases)('%s', async (name) => {
    const path = join(directory, name)
    const [input = ''] = readFileSync(path, 'utf8').split(divider)
    await expect(`${input}${divider}${judge(input, name.slice(0, -suffix.length))}\n`).toMatchFileSnapshot(path)
  })
})

function judge(text: string, name: string): string {
  const { config, problems } = loadConfigText(text, join(directory, name), environment)
  const built = config && buildCatalog(config)
  const all = sortProblems([...problems, ...(built?.problems ?? [])])
  if (all.length > 0) return all.map(formatProblem).join('\n').replaceAll(`${directory}/`, '')
  if (!config || !built) throw new Error('neither loaded nor refused')
  return JSON.stringify(summarise(config, built.catalog, directory), withoutEmpty, 2)
}

const withoutEmpty = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? undefined : value
