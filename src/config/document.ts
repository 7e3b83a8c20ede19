import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from 'yaml'
import { compare, parseDecimal } from '../pricing/rational.ts'
import type { ConfigPath, Place, Problem } from './problem.ts'

/** One YAML (or JSON) file as plain data, with the place of every value in it. */
export interface SettingsDocument {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** The place of a value; of the nearest value around it where the path does not exist. */
  locate(path: ConfigPath): Place
  /** The place of the key itself rather than of its value. */
  locateKey(path: ConfigPath): Place
}

/** More nesting or more values than this is not a settings file. */
const maxDepth = 64
const maxValues = 200_000

export function readDocument(text: string, file: string): SettingsDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, version: '1.2', prettyErrors: false })
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  const problems: Problem[] = document.errors.map((error) => ({
    place: at(error.pos[0]),
    path: [],
    message: `${sentence(error.message)}${hintFor(text, error.pos[0])}`,
  }))
  const places = new Map<string, Place>()
  const keyPlaces = new Map<string, Place>()
  let values = 0

  const plain = (node: Node | null, path: ConfigPath): unknown => {
    if (node === null) return null
    const target = isAlias(node) ? node.resolve(document) : node
    if (!target) return null
    places.set(pointer(path), at(target.range?.[0] ?? 0))
    if (++values > maxValues || path.length > maxDepth) {
      if (values === maxValues + 1 || path.length === maxDepth + 1) {
        problems.push({ place: at(node.range?.[0] ?? 0), path, message: 'is nested or repeated beyond any use' })
      }
      return null
    }
    if (isScalar(target)) return scalar(target, path)
    if (isSeq(target)) return target.items.map((item, index) => plain(item as Node | null, [...path, index]))
    if (!isMap(target)) return null
    const entries = new Map<string, unknown>()
    for (const pair of target.items) {
      const key = String(isScalar(pair.key) ? pair.key.value : pair.key)
      const here = [...path, key]
      const place = at((pair.key as Node | null)?.range?.[0] ?? 0)
      if (entries.has(key)) problems.push({ place, path: here, message: `the key \`${key}\` stands here twice` })
      keyPlaces.set(pointer(here), place)
      entries.set(key, plain(pair.value as Node | null, here))
    }
    return Object.fromEntries(entries)
  }

  const scalar = (node: Scalar, path: ConfigPath): unknown => {
    if (typeof node.value === 'number' && node.source !== undefined) {
      const written = parseDecimal(node.source.replace(/^\+/, ''))
      const kept = parseDecimal(String(node.value))
      if (!Number.isFinite(node.value) || (written && (!kept || compare(written, kept) !== 0))) {
        problems.push({
          place: at(node.range?.[0] ?? 0),
          path,
          message: `\`${node.source}\` has too many digits to be kept exactly`,
        })
      }
    }
    return node.value
  }

  const value = plain(document.contents, [])
  const nearest = (index: Map<string, Place>, path: ConfigPath): Place => {
    for (let length = path.length; length >= 0; length--) {
      const place = index.get(pointer(path.slice(0, length))) ?? places.get(pointer(path.slice(0, length)))
      if (place) return place
    }
    return { file, line: 1, column: 1 }
  }
  return {
    value,
    problems,
    locate: (path) => nearest(places, path),
    locateKey: (path) => nearest(keyPlaces, path),
  }
}

const pointer = (path: ConfigPath): string => path.map((key) => `/${key}`).join('')

const sentence = (message: string): string => message.replace(/\s+at line \d+.*$/s, '').replace(/[:.]$/, '')

/** The braces of `${NAME}` end a `{ … }` list, so there the value has to be quoted. */
function hintFor(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', offset)
  const line = text.slice(start, end < 0 ? undefined : end)
  return line.includes('${') && /[{[]/.test(line.replaceAll('${', ''))
    ? '; inside `{ … }` a value with `${NAME}` needs quotes: `"${NAME}"`'
    : ''
}
