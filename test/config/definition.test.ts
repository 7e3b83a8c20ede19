import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ServiceConfig } from '#src/config/config.ts'
import { loadConfigText, readDefinition } from '#src/config/load.ts'
import { environment } from './environment.ts'

/** A definition outlives its file: with it a token is honoured after its service was removed. */

const cases = join(import.meta.dirname, 'cases')
const load = (name: string) => {
  const [text = ''] = readFileSync(join(cases, name), 'utf8').split('\n----------------------------------------\n')
  return loadConfigText(text, join(cases, name), environment)
}
const services = readdirSync(cases)
  .filter((name) => name.startsWith('good-'))
  .flatMap((name) => load(name).config?.services ?? [])
  .map((service): [string, ServiceConfig] => [service.keyText, service])

/** All but where it stood, what it was called there, what only shows, and the limits, which belong to the upstream. */
const lasting = ({ path: _path, keyText: _key, examples: _examples, upstream, ...rest }: ServiceConfig) => {
  const { origin, path, headers, forwardHeaders, ca } = upstream
  return { ...rest, upstream: { origin, path, headers, forwardHeaders, ca } }
}

describe('a service that is read again from its definition is the same', () => {
  test.each(services)('%s', (_key, service) => {
    const stored = JSON.parse(JSON.stringify(service.definition)) as ServiceConfig['definition']
    const again = readDefinition(stored, environment)
    expect(lasting(again)).toEqual(lasting({ ...service, definition: stored }))
  })

  test('of which there are some', () => {
    expect(services.length).toBeGreaterThan(10)
  })
})

test('a definition holds no secrets, neither of the environment nor of files', () => {
  const stored = JSON.stringify(services.map(([, { definition }]) => definition))
  expect(stored).toContain('${GPU_KEY}')
  expect(stored).not.toContain(environment.GPU_KEY)
  expect(stored).not.toContain(readFileSync(join(cases, 'files/token'), 'utf8').trim())
})

test('a definition that needs a variable which is not set any more cannot be read', () => {
  const images = services.find(([, { name }]) => name === 'images')?.[1]
  expect(() => images && readDefinition(images.definition, {})).toThrow('`${GPU_KEY}` is not set')
})
