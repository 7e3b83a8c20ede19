/**
 * `format: url`: an http, https or ftp URL whose host has a top-level domain, or is an address that is not private. The
 * usual expression looks for the end of the user information from every colon on, in a time that grows with the square
 * of the length.
 */
export const urlFormat = new RegExp(
  `^(?:https?|ftp)://(?:[^\\s/?#]*@)?(?:${address()}|${name()})(?::\\d{2,5})?(?:/\\S*)?$`,
  'iu',
)

function address(): string {
  const notPrivate = [
    '(?!(?:10|127)(?:\\.\\d{1,3}){3})',
    '(?!(?:169\\.254|192\\.168)(?:\\.\\d{1,3}){2})',
    '(?!172\\.(?:1[6-9]|2\\d|3[0-1])(?:\\.\\d{1,3}){2})',
  ].join('')
  const first = '(?:[1-9]\\d?|1\\d\\d|2[01]\\d|22[0-3])'
  const middle = '(?:\\.(?:1?\\d{1,2}|2[0-4]\\d|25[0-5])){2}'
  const last = '(?:\\.(?:[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-4]))'
  return `${notPrivate}${first}${middle}${last}`
}

function name(): string {
  const letters = 'a-z\\u{00a1}-\\u{ffff}'
  const label = `(?:[0-9${letters}]+-)*[0-9${letters}]+`
  return `${label}(?:\\.${label})*\\.[${letters}]{2,}`
}
