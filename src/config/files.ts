import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { readDocument, type SettingsDocument } from './document.ts'
import type { ConfigPath } from './problem.ts'
import { type FileKind, fileKindAt, isForeign } from './scalars.ts'

/**
 * Puts the content of files where the configuration names them: `x_file: name` becomes `x: content`. A structured file
 * is parsed, of a text file the last line break is removed, and a binary one becomes hex digits.
 */
export interface InlineOptions {
  readonly baseDir: string
  /** Which files to put in; the others stay named, by absolute path. */
  readonly kinds: 'all' | 'structured'
  readonly onProblem: (path: ConfigPath, message: string) => void
  /** Told of each file that could not be read; the value it should have given is left undefined. */
  readonly onUnreadable: (path: ConfigPath) => void
  /** Told of each structured file, at the path where its content now stands. */
  readonly onDocument: (path: ConfigPath, document: SettingsDocument) => void
  /** Told of each file, by absolute path; without content when it could not be read. */
  readonly onRead: (file: string, content: Buffer | undefined) => void
}

export const contentHash = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

export function inlineFiles(value: unknown, options: InlineOptions, path: ConfigPath = []): unknown {
  if (Array.isArray(value)) return value.map((item, index) => inlineFiles(item, options, [...path, index]))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const at = [...path, key]
    if (isForeign(at)) return [key, item]
    const kind = fileKindAt(at)
    if (kind === undefined || typeof item !== 'string') return [key, inlineFiles(item, options, at)]
    const target = key.slice(0, -'_file'.length)
    if (Object.hasOwn(value, target)) options.onProblem(at, `is given beside \`${target}\`; keep one of them`)
    const file = resolve(options.baseDir, item)
    if (kind !== 'structured' && options.kinds === 'structured') return [key, file]
    return [target, readInto(file, kind, [...path, target], at, options)]
  })
  return Object.fromEntries(entries)
}

function readInto(
  file: string,
  kind: FileKind,
  path: ConfigPath,
  keyPath: ConfigPath,
  options: InlineOptions,
): unknown {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
    options.onRead(file, bytes)
  } catch (thrown) {
    options.onRead(file, undefined)
    options.onProblem(keyPath, `cannot be read: ${reason(thrown)} (${file})`)
    options.onUnreadable(keyPath)
    return undefined
  }
  const text = bytes.toString('utf8')
  if (kind === 'bytes') return /^[\x20-\x7e\s]*$/.test(text) ? text.trim() : bytes.toString('hex')
  if (kind === 'text') return text.replace(/\r?\n$/, '')
  const document = readDocument(text, file)
  options.onDocument(path, document)
  if (document.value === undefined) options.onUnreadable(keyPath)
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
