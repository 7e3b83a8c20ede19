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
 * The same for parameters of queries and forms: PHP and qs read `steps[]`, `steps[0]` and ` steps` into `steps`, and readers
 * that trim take `steps ` for it, which PHP reads as `steps_`.
 */
export const foldParameter = (name: string): string =>
  foldKey(name.trim().replace(/\[.*$/s, '').replace(/[. ]/g, '_').replace(/_+$/, ''))

/**
 * The form of a path that routers see which ignore case, trailing slashes, dots or spaces, or which normalise Unicode,
 * where other characters become slashes and dots.
 * @param path canonical
 */
export function foldPath(path: string): string {
  const segments: string[] = []
  for (const segment of foldCase(decodeURIComponent(path).normalize('NFKC')).split('/')) {
    if (segment === '..') segments.pop()
    else if (!/^[. ]*$/.test(segment)) segments.push(segment.replace(/[. ]+$/, ''))
  }
  return `/${segments.join('/')}`
}
