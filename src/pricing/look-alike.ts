/**
 * What lenient readers take for the same name. A price must not be computed without a value that the upstream then
 * reads under another spelling of its name.
 */

/** Names that differ by case only are equal in this form, in all of Unicode: Go's JSON reads `ſteps` into `steps`. */
export const foldCase = (name: string): string => name.toLowerCase().toUpperCase()

/** The same for parameters of queries and forms: PHP and qs read `steps[]`, `steps[0]` and ` steps` into `steps`. */
export const foldParameter = (name: string): string =>
  foldCase(name.trimStart().replace(/\[.*$/s, '').replace(/[. ]/g, '_'))

/**
 * The form of a path that routers which ignore case, trailing slashes, dots or spaces, or which normalise Unicode, see.
 * @param path canonical
 */
export const foldPath = (path: string): string =>
  foldCase(decodeURIComponent(path).normalize('NFKC'))
    .split('/')
    .map((segment) => segment.replace(/[. ]+$/, ''))
    .join('/')
    .replace(/\/+$/, '') || '/'
