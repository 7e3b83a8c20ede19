import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { buildCatalog } from '#src/catalog/build.ts'
import { configJsonSchema } from '#src/config/json-schema.ts'
import { loadConfigText } from '#src/config/load.ts'
import { formatProblem } from '#src/config/problem.ts'
import { renderReference } from '../../scripts/config-reference.ts'

const root = join(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

const examples = readdirSync(join(root, 'config/examples')).filter((name) => name.endsWith('.yaml'))
const configurations = ['gateway.yaml.example', ...examples.map((name) => `config/examples/${name}`)]

describe('the generated files are those that the sources make; otherwise run `npm run generate`', () => {
  test('the JSON Schema for editors', () => {
    expect(read('config/gateway.schema.json')).toBe(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`)
  })

  test('the reference', () => {
    expect(read('docs/config.md')).toBe(renderReference(configJsonSchema(), read('scripts/config-syntax.md')))
  })
})

describe('the JSON Schema for editors', () => {
  const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(read('config/gateway.schema.json')),
  )

  test.each(configurations)('accepts %s', (name) => {
    validate(parse(read(name)))
    expect(validate.errors).toBeNull()
  })

  const good = () => structuredClone(parse(read('gateway.yaml.example')) as Record<string, unknown>)
  test.each([
    ['at the top', ['lisen'], 1],
    ['in a section', ['admin', 'listn'], '127.0.0.1:1'],
    ['in a service', ['services', '/api/l402/music', 'upstrem'], 'http://127.0.0.1:9000'],
    ['in a price', ['services', '/api/l402/music', 'price', 'falt'], 1],
    ['in an upstream', ['upstreams', 'generators', 'max_concurent'], 1],
  ])('refuses a mistyped key %s', (_where, path, value) => {
    const config = good()
    const key = path.at(-1) ?? ''
    const block = path.slice(0, -1).reduce((here, name) => (here[name] ??= {}) as Record<string, unknown>, config)
    block[key] = value
    expect(validate(config)).toBe(false)
  })

  test.each([
    ['a time without a unit', { defaults: { timeout: '60' } }],
    ['a service without a price', { services: { '/x': { upstream: 'http://127.0.0.1:9000' } } }],
    ['no services at all', { services: undefined }],
    ['a name that is no slug', { upstreams: { GPU: { url: 'http://127.0.0.1:9000' } } }],
  ])('refuses %s', (_what, change) => {
    expect(validate(JSON.parse(JSON.stringify({ ...good(), ...change })))).toBe(false)
  })
})

describe('every YAML block of the reference is good', () => {
  const blocks = [...read('docs/config.md').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const service = (inside: string) => `services:\n  /x:\n    upstream: http://127.0.0.1:9000\n${inside}`
  const indented = (text: string, by: number) => text.replace(/^(?=.)/gm, ' '.repeat(by))

  /** What a block leaves out, since the text around it says it. */
  function whole(block: string): string {
    if (/^services:/m.test(block)) return block
    if (block.startsWith('per_char:')) return service(`    price:\n${indented(block, 6)}`)
    if (block.startsWith('#')) return `${block}${service('    price: free\n')}`
    return service(
      `    price: { flat: 1 }\n    request:\n      schema:\n        type: object\n        properties:\n${indented(block, 10)}`,
    )
  }

  test.each(blocks.map((block) => [block.split('\n')[0], block]))('%s', (_first, block) => {
    const { config, problems } = loadConfigText(whole(block), join(root, 'gateway.yaml'), {})
    const all = [...problems, ...(config ? buildCatalog(config).problems : [])]
    expect(all.map(formatProblem)).toEqual([])
  })

  test('of which there are some', () => {
    expect(blocks.length).toBeGreaterThan(3)
  })
})
