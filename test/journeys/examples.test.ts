import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfig } from '#src/config/load.ts'
import { formatProblem } from '#src/config/problem.ts'
import { examplesDirectory } from '../support/stand-ins.ts'

const names = readdirSync(examplesDirectory).filter((name) => name.endsWith('.yaml'))

describe.each(names)('config/examples/%s', (name) => {
  const { config, problems } = loadConfig(join(examplesDirectory, name), { OPENAI_KEY: 'sk' })

  test('is good as it stands', () => {
    const all = [...problems, ...(config ? buildCatalog(config).problems : [])]
    expect(all.map(formatProblem)).toEqual([])
  })

  test('shows a request for everything that it sells', () => {
    const silent = config?.services.filter(({ price, examples }) => price !== 'free' && examples.length === 0)
    expect(silent?.map(({ keyText }) => keyText)).toEqual([])
  })

  test('is bought from in a test of its own', () => {
    expect(existsSync(join(import.meta.dirname, `examples-${name.replace('.yaml', '')}.test.ts`))).toBe(true)
  })
})

test('the example that needs a key says so when there is none', () => {
  const { problems } = loadConfig(join(examplesDirectory, 'openai-chat.yaml'), {})
  expect(problems.map(({ message }) => message)).toEqual(['`${OPENAI_KEY}` is not set in the environment, or is empty'])
})
