import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfigText } from '#src/config/load.ts'
import { temporaryDirectory } from '../cli/run.ts'
import { bakedRights, bakeMacaroon } from '../support/wallets/lnd-macaroon.ts'
import { blocksOf, root } from './blocks.ts'

/** What is wrong with a configuration, as an operator would read it. */
function problemsOf(text: string, file: string): string[] {
  const { config, problems } = loadConfigText(text, file, { GPU_KEY: 'a key', NAME: 'a value' })
  const all = config ? [...problems, ...buildCatalog(config).problems] : problems
  return all.map(({ place, message }) => `${place.file}:${place.line}:${place.column} ${message}`)
}

const indented = (text: string, by: number): string => text.replace(/^(?=.)/gm, ' '.repeat(by))
const service = (rest: string): string => `services:\n  POST /sold:\n    upstream: http://127.0.0.1:9000\n${rest}`

/** A part of a configuration as it would stand in a whole one. */
function completed(text: string): string {
  const [first = ''] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (first === '') return `${text}${service('    price: { flat: 1 }\n')}`
  if (/^(?:flat|per_char|per_unit|duration|sum):/.test(first)) return service(`    price:\n${indented(text, 6)}`)
  if (/^[a-z_]+_file:$/.test(first)) {
    const properties = `    request:\n      schema:\n        type: object\n        properties:\n${indented(text, 10)}`
    return service(`    price: { flat: 1 }\n${properties}`)
  }
  if (!/^services:/m.test(text)) return `${text}${service('    price: { flat: 1 }\n')}`
  return text
}

/** The files that the documents name, as an operator would have them. */
const directory = temporaryDirectory()
beforeAll(() => {
  const certificate = join(root, 'test/support/wallets/tls/lnd.pem')
  mkdirSync(join(directory.path, 'docs'))
  for (const at of [directory.path, join(directory.path, 'docs')]) {
    copyFileSync(certificate, join(at, 'tls.cert'))
    writeFileSync(join(at, 'turnpike.macaroon'), Buffer.from(bakeMacaroon(bakedRights), 'hex'))
    writeFileSync(join(at, 'phoenixd.password'), 'a-password\n')
  }
})
afterAll(() => directory[Symbol.dispose]())

describe('every configuration in the documents loads', () => {
  test.for(blocksOf('yaml'))('$place', ({ place, text }) => {
    expect(problemsOf(completed(text), join(directory.path, place))).toEqual([])
  })

  test('of which there are some', () => {
    expect(blocksOf('yaml').length).toBeGreaterThan(0)
  })
})

test('the whole grammar of a configuration, in one file, loads and is for sale', () => {
  const file = join(import.meta.dirname, 'whole-grammar.yaml')
  expect(problemsOf(readFileSync(file, 'utf8'), file)).toEqual([])
})
