import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { readDocument, type SettingsDocument } from './document.ts'
import type { ConfigPath } from './problem.ts'
import { fileKind, opaqueKeys } from './scalars.ts'

/**
 * Puts the content of files where the configuration names them: `x_file: name` becomes `x: content`. A structured file
 * is parsed; of a text file the last line break is removed.
 */
export interface InlineOptions {
  readonly baseDir: string
  /** Which files to put in; the others stay named, by absolute path. */
  readonly kinds: 'all' | 'structured'
  onProblem(path: ConfigPath, message: string): void
  /** Told of each structured file, at the path where its content now stands. */
  onDocument(path: ConfigPath, document: SettingsDocument): void
}

export function inlineFiles(value: unknown, options: InlineOptions, path: ConfigPath = []): unknown {
  if (Array.isArray(value)) return value.map((item, index) => inlineFiles(item, options, [...path, index]))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const target = key.endsWith('_file') ? key.slice(0, -'_file'.length) : ''
    if (opaqueKeys.has(key)) return [key, item]
    if (target === '' || typeof item !== 'string') return [key, inlineFiles(item, options, [...path, key])]
    if (Object.hasOwn(value, target)) {
      options.onProblem([...path, key], `is given beside \`${target}\`; keep one of them`)
    }
    const file = resolve(options.baseDir, item)
    const kind = fileKind(target)
    if (kind === 'text' && options.kinds === 'structured') return [key, file]
    return [target, readInto(file, kind, [...path, target], [...path, key], options)]
  })
  return Object.fromEntries(entries)
}

function readInto(
  file: string,
  kind: 'structured' | 'text',
  path: ConfigPath,
  keyPath: ConfigPath,
  options: InlineOptions,
): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (thrown) {
    options.onProblem(keyPath, `cannot be read: ${reason(thrown)} (${file})`)
    return undefined
  }
  if (kind === 'text') return text.replace(/\r?\n$/, '')
  const document = readDocument(text, file)
  options.onDocument(path, document)
  return document.value
}

export function reason(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'permission denied'
    case 'EISDIR':
      return 'it is a directory'
    default:
      return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
