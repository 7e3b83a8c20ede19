import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { renderReference } from './config-reference.ts'

/** Writes the files that are made from the configuration's schema; a test fails where they are out of date. */

const root = join(import.meta.dirname, '..')
const schema = configJsonSchema()
const syntax = readFileSync(join(import.meta.dirname, 'config-syntax.md'), 'utf8')

write('config/gateway.schema.json', `${JSON.stringify(schema, undefined, 2)}\n`)
write('docs/config.md', renderReference(schema, syntax))

function write(name: string, text: string): void {
  const file = join(root, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(name)
}
