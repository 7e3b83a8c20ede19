import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

/**
 * Who may import whom. `*` after a folder: only types. A folder may always import itself and what every folder may.
 * `app`, `context` and `settings` are the files of that name; `lightning/*` stands for every wallet's folder.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  app: ['gateway', 'admin', 'site', 'context*', 'errors'],
  context: [
    'admin',
    'catalog',
    'config',
    'gateway',
    'keys',
    'l402',
    'ledger',
    'lightning',
    'payments',
    'ports',
    'pricing',
    'telemetry',
    'upstream',
    'errors',
    'settings',
  ],
  settings: ['config', 'gateway*'],
  errors: [],
  failpoints: [],
  'public-address': [],
  l402: [],
  bolt11: [],
  ports: ['errors*', 'l402*', 'bolt11*'],
  pricing: ['ports', 'errors'],
  keys: ['ports', 'errors'],
  config: ['pricing', 'lightning/options', 'errors'],
  'lightning/options': ['config/scalars'],
  catalog: ['config', 'pricing', 'ports', 'errors', 'public-address'],
  gateway: ['catalog*', 'ports', 'l402', 'bolt11', 'pricing', 'errors', 'failpoints', 'telemetry/events*'],
  payments: ['catalog*', 'ports', 'l402', 'bolt11', 'pricing', 'errors', 'telemetry/events*'],
  lightning: [
    'config*',
    'ports',
    'l402',
    'bolt11',
    'errors',
    'failpoints',
    'public-address',
    'telemetry',
    'lightning/options',
  ],
  ledger: ['ports', 'l402', 'bolt11', 'errors', 'failpoints', 'telemetry'],
  upstream: ['ports', 'l402', 'bolt11', 'errors', 'failpoints', 'telemetry'],
  client: ['l402', 'bolt11'],
  telemetry: ['errors', 'ports'],
  demo: [],
  admin: ['catalog*', 'gateway', 'payments', 'ports', 'errors', 'telemetry'],
  site: ['catalog*', 'gateway', 'payments', 'ports', 'errors', 'telemetry'],
  // It starts the demo's process, and knows nothing of its insides.
  cli: [
    'demo/main',
    'admin',
    'app',
    'bolt11',
    'catalog',
    'client',
    'config',
    'context',
    'settings',
    'gateway',
    'keys',
    'l402',
    'ledger',
    'lightning',
    'payments',
    'ports',
    'pricing',
    'site',
    'telemetry',
    'upstream',
    'errors',
  ],
}

const src = new URL('../src/', import.meta.url).pathname

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** The place of a file in the table above. */
function roomOf(file: string): string {
  if (/^lightning\/[^/]+\/options\.ts$/.test(file)) return 'lightning/options'
  const [first = ''] = file.split('/')
  return first.replace(/\.ts$/, '')
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8')
  const statements =
    /^\s*(?:import|export)\s+(type\s+)?([^'"]*?)from\s+'(\.[^']+)'|import\(\s*'(\.[^']+)'\s*\)|new URL\('(\.[^']+\.ts)'/gm
  return [...text.matchAll(statements)].map(([, type, names = '', fixed, dynamic, url]) => {
    const to = relative(src, join(src, dirname(file), fixed ?? dynamic ?? url ?? ''))
    const everyNameIsAType = /^\{\s*(?:type\s+\w+(?:\s+as\s+\w+)?\s*,?\s*)+\}\s*$/.test(names)
    return { from: file, to, typeOnly: type !== undefined || everyNameIsAType }
  })
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const [room, target] = [roomOf(from), roomOf(to)]
  if (room === target) return true
  return (allowed[room] ?? []).some((rule) => {
    const typesOnly = rule.endsWith('*')
    const name = rule.replace(/\*$/, '')
    const matches = name.includes('/') && name !== 'lightning/options' ? to === `${name}.ts` : name === target
    return matches && (!typesOnly || typeOnly)
  })
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

test('every folder imports only what it may', () => {
  const imports = files.flatMap(importsOf)
  expect(imports.length).toBeGreaterThan(300)
  expect(imports.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} → ${to}`)).toEqual([])
})

test('every folder of the source has a place in the table', () => {
  const rooms = new Set(files.map(roomOf))
  expect([...rooms].filter((room) => !(room in allowed))).toEqual([])
})

test('a forbidden import is noticed', () => {
  expect(isAllowed({ from: 'l402/token.ts', to: 'gateway/handle.ts', typeOnly: false })).toBe(false)
  expect(isAllowed({ from: 'gateway/handle.ts', to: 'catalog/catalog.ts', typeOnly: false })).toBe(false)
  expect(isAllowed({ from: 'gateway/handle.ts', to: 'ledger/sqlite/worker.ts', typeOnly: true })).toBe(false)
})

test('no file is longer than 300 lines, and none is a utility drawer', () => {
  const long = files.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 301)
  expect(long).toEqual([])
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|index)(\/|\.ts$)/.test(file))).toEqual([])
})

test('nothing in the source reads the environment but commands and configuration', () => {
  const readers = files.filter((file) => /process\.env/.test(readFileSync(join(src, file), 'utf8')))
  expect(readers.filter((file) => !/^(?:cli\/|config\/|failpoints\.ts$)/.test(file))).toEqual([])
})
