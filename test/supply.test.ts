import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const read = (name: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'))

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly hasInstallScript?: boolean
  readonly link?: boolean
  readonly dev?: boolean
}

const { packages } = read('package-lock.json') as { packages: Record<string, Locked> }
const manifest = read('package.json') as Record<string, Record<string, unknown>>
const dependencies = Object.entries(packages).filter(([path]) => path !== '')

describe('what is installed', () => {
  test('runs no script of its own: each package that has one is refused it by name', () => {
    const withScript = dependencies.filter(([, { hasInstallScript }]) => hasInstallScript)
    const names = withScript.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => manifest.allowScripts?.[name] !== false)).toEqual([])
    // npm finds what this one would build by looking into it.
    expect(Object.fromEntries(Object.entries(manifest.allowScripts ?? {}))).toEqual(
      Object.fromEntries([...names, 'better-sqlite3'].map((name) => [name, false])),
    )
  })

  test('beside an operator’s gateway is locked with its checksum', () => {
    expect(dependencies.length).toBeGreaterThan(100)
    expect(
      dependencies
        .filter(([, { integrity, link, dev }]) => !dev && !link && !(integrity ?? '').startsWith('sha512-'))
        .map(([path]) => path),
    ).toEqual([])
  })

  test('is named by its exact version', () => {
    for (const section of ['dependencies', 'devDependencies', 'optionalDependencies'])
      for (const [name, version] of Object.entries(manifest[section] ?? {}))
        expect([name, version]).toEqual([name, expect.stringMatching(/^[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?$/)])
  })
})
