/**
 * What lenient readers take for the same name. A price must not be computed without a value that the upstream then
 * reads under another spelling of its name.
 */

/** Names that differ by case only are equal in this form, in all of Unicode: Go's JSON reads `ſteps` into `steps`. */
export const foldCase = (name: string): string => name.toLowerCase().toUpperCase()

/** The same for keys of JSON: readers written in C take a name to end at its first NUL. */
export const foldKey = (name: string): string => foldCase(upToNul(name))

const upToNul = (name: string): string => name.split('\0', 1)[0] ?? ''

/**
 * The same for parameters of queries and forms: PHP and qs read `steps[]`, `steps[0]` and ` steps` into `steps`, qs and Rack
 * `[steps]` too, `URLSearchParams` `?steps` at the beginning, Spring `!steps` where there is no `steps`, and readers that
 * trim take `steps ` for it, which PHP reads as `steps_`.
 */
export const foldParameter = (name: string): string =>
  underscored(
    trimEnds(name)
      .replace(/^[[\]?!]+/, '')
      .replace(/[[\]].*$/s, ''),
  )

/** What readers make of a parameter's name: for PHP a bracket that is not closed is one more underscore. */
export const parameterReadings = (name: string): readonly string[] =>
  name.includes('[') ? [foldParameter(name), underscored(trimEnds(name).replaceAll('[', '_'))] : [foldParameter(name)]

function underscored(name: string): string {
  const text = name.replace(/[. ]/g, '_')
  return foldKey(withoutEnd(text, (character) => character === '_'))
}

/** Python and Java trim control characters too. */
function trimEnds(name: string): string {
  const begin = /[^\p{Cc}\p{Cf}\p{Z}]/u.exec(name)
  return withoutEnd(name.slice(begin?.index ?? name.length), (character) => /[\p{Cc}\p{Cf}\p{Z}]/u.test(character))
}

/** An expression would look for the end from every place that could be its beginning. */
function withoutEnd(text: string, isEnd: (character: string) => boolean): string {
  let end = text.length
  while (end > 0 && isEnd(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

/**
 * The forms of a path that lenient routers see. All of them ignore case and a slash at the end; some normalise Unicode, where
 * other characters become slashes and dots; some resolve dot segments, and some ignore dots and spaces at the ends of
 * segments; some take a query to begin at an encoded mark, some the end of the last segment for a format (`.json`), and
 * some a segment for the script that answers.
 * Each may do one without the others.
 * @param path canonical
 * @param format what may be the format
 */
export function foldPath(path: string, format: RegExp): string[] {
  const text = decodeURIComponent(path)
  const whole = [foldCase(text), foldCase(text.normalize('NFKC'))]
  const spellings = new Set(whole.flatMap((each) => [each, each.replace(/[?#].*$/s, '')]))
  return [...new Set([...spellings].flatMap((each) => readings(each.split('/'))))].flatMap((each) => [
    each,
    each.replace(format, ''),
  ])
}

function readings(segments: readonly string[]): string[] {
  const resolved: string[] = []
  const trimmed: string[] = []
  for (const segment of segments) {
    if (segment === '..') {
      resolved.pop()
      trimmed.pop()
      continue
    }
    if (segment !== '' && segment !== '.') resolved.push(segment)
    if (!/^[. ]*$/.test(segment)) trimmed.push(segment.replace(/[. ]+$/, ''))
  }
  const asTheyAre = segments.slice(1, segments.at(-1) === '' ? -1 : undefined)
  return [asTheyAre, resolved, trimmed].flatMap(scriptReadings).map((each) => `/${each.join('/')}`)
}

/** A file answers for its folder, and a script gets as its path what stands behind it: `/index.php/v1/make` (RFC 3875). */
function scriptReadings(segments: readonly string[]): (readonly string[])[] {
  const last = segments.findLastIndex((segment, at) => at < segments.length - 1 && isFile(segment))
  const isIndex = /^(?:index|default)\.[^.]+$/i.test(segments.at(-1) ?? '')
  return [
    segments,
    ...(last < 0 ? [] : [segments.toSpliced(last, 1), segments.slice(last + 1)]),
    ...(isIndex ? [segments.slice(0, -1)] : []),
  ]
}

/** Whether a segment ends as names of files do, and not as versions (`gpt-4.1`). */
export const isFile = (segment: string): boolean => /\.[a-z][^.]*$/i.test(segment)
