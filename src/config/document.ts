import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from 'yaml'
import { compare, parseDecimal } from '../pricing/rational.ts'
import type { ConfigPath, Place, Problem } from './problem.ts'

/** One YAML (or JSON) file as plain data, with the place of every value in it. */
export interface SettingsDocument {
  /** Undefined where the text is not YAML: what was understood of it would only mislead. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /**
   * The place of a value; its key's where the value begins on a later line, and that of the nearest value around it
   * where the path does not exist.
   */
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
  const reader = new DocumentReader(document, at)
  const [error] = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0])
  const value = error ? undefined : reader.read(document.contents, [], undefined)
  // One syntax error makes the parser stumble over everything after it.
  const problems = error
    ? [{ place: at(error.pos[0]), path: [], message: syntaxMessage(error, text) }]
    : reader.overflow
      ? [reader.overflow]
      : reader.problems
  const nearest = (index: ReadonlyMap<string, Place>, path: ConfigPath): Place => {
    for (let length = path.length; length >= 0; length--) {
      const key = pointer(path.slice(0, length))
      const place = index.get(key) ?? reader.places.get(key) ?? reader.places.get(`${key}_file`)
      if (place) return place
    }
    return { file, line: 1, column: 1 }
  }
  return {
    value: reader.overflow ? undefined : value,
    problems,
    locate: (path) => nearest(reader.places, path),
    locateKey: (path) => nearest(reader.keyPlaces, path),
  }
}

/** Turns nodes into plain data and remembers where each stood. */
class DocumentReader {
  readonly problems: Problem[] = []
  /** Set when there was more than a settings file has; what was read is of no use then. */
  overflow: Problem | undefined
  readonly places = new Map<string, Place>()
  readonly keyPlaces = new Map<string, Place>()
  readonly #document: Document.Parsed
  readonly #at: (offset: number) => Place
  readonly #open = new Set<Node>()
  #values = 0

  constructor(document: Document.Parsed, at: (offset: number) => Place) {
    this.#document = document
    this.#at = at
  }

  read(node: Node | null, path: ConfigPath, keyPlace: Place | undefined): unknown {
    const own = this.#at(node?.range?.[0] ?? 0)
    const here = keyPlace && (node === null || own.line !== keyPlace.line) ? keyPlace : own
    this.places.set(pointer(path), here)
    const target = isAlias(node) ? node.resolve(this.#document) : node
    if (isAlias(node) && !target) this.#complain(here, path, `\`*${node.source}\` names no anchor above it`)
    if (!target) return null
    if (this.#open.has(target)) {
      this.#complain(here, path, 'contains itself')
      return null
    }
    if (this.#isTooMuch(path, here)) return null
    if (isScalar(target)) return this.#readScalar(target, path, here)
    this.#open.add(target)
    const value = isSeq(target)
      ? target.items.map((item, index) => this.read(item as Node | null, [...path, index], undefined))
      : isMap(target)
        ? this.#readMap(target.items as Pair<Node | null, Node | null>[], path)
        : null
    this.#open.delete(target)
    return value
  }

  #readMap(items: readonly Pair<Node | null, Node | null>[], path: ConfigPath): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    for (const pair of items) {
      const key = String(isScalar(pair.key) ? pair.key.value : pair.key)
      const here = [...path, key]
      const place = this.#at(pair.key?.range?.[0] ?? 0)
      const first = this.keyPlaces.get(pointer(here))
      if (entries.has(key)) {
        this.#complain(place, here, `the key \`${key}\` stands here twice, first on line ${first?.line}; remove one`)
        continue
      }
      this.keyPlaces.set(pointer(here), place)
      entries.set(key, this.read(pair.value, here, place))
    }
    return Object.fromEntries(entries)
  }

  /** A number that a float cannot hold would be another price than the one that was written. */
  #readScalar(node: Scalar, path: ConfigPath, here: Place): unknown {
    if (typeof node.value !== 'number' || node.source === undefined) return node.value
    if (!Number.isFinite(node.value)) {
      this.#complain(here, path, `\`${node.source}\` is not a number that can stand here`)
      return 1
    }
    const source = node.source
      .replace(/^\+/, '')
      .replace(/^(-?)\./, '$10.')
      .replace(/\.(?=$|e)/i, '')
    const written = parseDecimal(source)
    const kept = parseDecimal(String(node.value))
    const isExact = written ? kept && compare(written, kept) === 0 : Number.isSafeInteger(node.value)
    if (!isExact) this.#complain(here, path, `\`${node.source}\` has too many digits to be kept exactly`)
    return node.value
  }

  #isTooMuch(path: ConfigPath, here: Place): boolean {
    if (++this.#values <= maxValues && path.length <= maxDepth) return false
    const top = path.slice(0, 1)
    const place = this.keyPlaces.get(pointer(top)) ?? here
    this.overflow ??= { place, path: top, message: 'is nested or repeated beyond any use' }
    return true
  }

  #complain(place: Place, path: ConfigPath, message: string): void {
    this.problems.push({ place, path, message })
  }
}

const pointer = (path: ConfigPath): string => path.map((key) => `/${key}`).join('')

function syntaxMessage({ code, message, pos }: Document.Parsed['errors'][number], text: string): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (`---`); keep one'
    case 'TAB_AS_INDENT':
      return 'a tab stands here; YAML is indented with spaces'
    default:
      return isUnquotedVariable(text, pos[0])
        ? 'inside `{ … }` a value with `${NAME}` needs quotes: `"${NAME}"`'
        : message.replace(/\s+at line \d+.*$/s, '').replace(/[:.]$/, '')
  }
}

/** The braces of `${NAME}` end a `{ … }` list, so there the value has to be quoted. */
function isUnquotedVariable(text: string, offset: number): boolean {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', offset)
  const line = text.slice(start, end < 0 ? undefined : end)
  return line.includes('${') && /[{[]/.test(line.replaceAll('${', ''))
}

export const asBlock = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
