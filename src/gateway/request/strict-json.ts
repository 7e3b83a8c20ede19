import { GatewayError, type RequestIssue } from '../../errors.ts'
import { strictUtf8 } from './strict-utf8.ts'

/**
 * JSON of which every reader makes the same: strict UTF-8, no duplicate keys in any spelling, no number that a double
 * cannot hold, no lone surrogates, limited depth. Objects have no prototype, so that no key means anything special.
 */

export const maxDepth = 32
/** To read and judge each takes about a microsecond, in which nobody else is served. */
export const maxValues = 100_000
/** Every answer that says what is wrong inside names the keys on the way there. */
export const maxKeyLength = 1_000

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const space = /[ \t\n\r]*/y

/** @throws GatewayError `bad_json` with the place and the reason */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    throw new GatewayError('bad_json', 'the body is not UTF-8')
  }
  return new StrictParser(text).parse()
}

class StrictParser {
  readonly #text: string
  #at = 0
  #values = 0
  readonly #path: (string | number)[] = []

  constructor(text: string) {
    this.#text = text
  }

  parse(): unknown {
    this.#skipSpace()
    const value = this.#value()
    this.#skipSpace()
    if (this.#at < this.#text.length) throw this.#error('there is more after the value')
    return value
  }

  #value(): unknown {
    if (this.#path.length > maxDepth) throw this.#error(`is nested deeper than ${maxDepth} levels`)
    if (++this.#values > maxValues) throw this.#error(`there are more than ${maxValues} values`)
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  #object(): Record<string, unknown> {
    const object = Object.create(null) as Record<string, unknown>
    this.#at++
    this.#skipSpace()
    if (this.#take('}')) return object
    do {
      this.#skipSpace()
      if (this.#text[this.#at] !== '"') throw this.#error('a key in double quotes is expected')
      const key = this.#string()
      if (key.length > maxKeyLength) throw this.#error(`a key is longer than ${maxKeyLength} characters`)
      // PHP makes no object of it, and so none of all that it is in.
      if (key.startsWith('\0')) throw this.#error('a key begins with a null character')
      if (key in object) throw this.#error(`the key ${JSON.stringify(key)} stands here twice`)
      this.#skipSpace()
      if (!this.#take(':')) throw this.#error('a colon is expected')
      this.#skipSpace()
      this.#path.push(key)
      object[key] = this.#value()
      this.#path.pop()
      this.#skipSpace()
    } while (this.#take(','))
    if (!this.#take('}')) throw this.#error('a comma or a closing brace is expected')
    return object
  }

  #array(): unknown[] {
    const array: unknown[] = []
    this.#at++
    this.#skipSpace()
    if (this.#take(']')) return array
    do {
      this.#skipSpace()
      this.#path.push(array.length)
      array.push(this.#value())
      this.#path.pop()
      this.#skipSpace()
    } while (this.#take(','))
    if (!this.#take(']')) throw this.#error('a comma or a closing bracket is expected')
    return array
  }

  #string(): string {
    const start = this.#at
    let end = this.#text.indexOf('"', start + 1)
    let escaped = false
    while (end > 0 && this.#isEscaped(end, start)) {
      escaped = true
      end = this.#text.indexOf('"', end + 1)
    }
    if (end < 0) throw this.#error('a string does not end')
    const inner = this.#text.slice(start + 1, end)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings
    if (/[\x00-\x1f]/.test(inner)) throw this.#error('a string has a control character that must be escaped')
    this.#at = end + 1
    if (!escaped && !inner.includes('\\')) return inner
    return this.#unescape(this.#text.slice(start, end + 1))
  }

  /** True when an odd number of backslashes stands before the quote. */
  #isEscaped(quote: number, start: number): boolean {
    let at = quote - 1
    while (at > start && this.#text[at] === '\\') at--
    return (quote - 1 - at) % 2 === 1
  }

  #unescape(quoted: string): string {
    let value: unknown
    try {
      value = JSON.parse(quoted)
    } catch {
      throw this.#error('a string has a bad escape')
    }
    if (typeof value !== 'string' || !value.isWellFormed()) throw this.#error('a string has half of a surrogate pair')
    return value
  }

  #number(): number {
    number.lastIndex = this.#at
    const match = number.exec(this.#text)
    if (!match) throw this.#error(this.#at >= this.#text.length ? 'the value is cut short' : 'a value is expected')
    const value = Number(match[0])
    if (!Number.isFinite(value)) throw this.#error('a number is out of range')
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw this.#error('an integer is beyond ±(2^53 − 1)')
    this.#at = number.lastIndex
    return value === 0 ? 0 : value
  }

  #literal<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('a value is expected')
    this.#at += word.length
    return value
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skipSpace(): void {
    const code = this.#text.charCodeAt(this.#at)
    if (code > 0x20) return
    space.lastIndex = this.#at
    space.exec(this.#text)
    this.#at = space.lastIndex
  }

  #error(message: string): GatewayError {
    const path = this.#path.reduce<string>(
      (at, key) => (typeof key === 'number' ? `${at}[${key}]` : `${at}.${key}`),
      '$',
    )
    const issue: RequestIssue = { path, message }
    return new GatewayError('bad_json', `at character ${this.#at}: ${message}`, { issues: [issue] })
  }
}
