import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { maxPathBytes, maxQueryBytes, readTarget } from '#src/gateway/request/target.ts'

const host = 'api.example.com:8402'
const isOwnHost = (asked: string) => asked === host

const read = (url: string, hosts: readonly string[] = [host]) => readTarget(url, hosts, isOwnHost)

function refusal(url: string, hosts?: readonly string[]): unknown {
  try {
    return read(url, hosts)
  } catch (thrown) {
    return thrown
  }
}

describe('a target that is taken', () => {
  test.for([
    ['/', '/', ''],
    ['/v1/images', '/v1/images', ''],
    ['/v1/images/', '/v1/images/', ''],
    ['/v1/images?n=4', '/v1/images', 'n=4'],
    ['/v1/images?', '/v1/images', ''],
    ['/v1/images?a=1&a=2&b=%2F..%2f&c=/../', '/v1/images', 'a=1&a=2&b=%2F..%2f&c=/../'],
    ["/a~b.c-d_e!f$g&h'i(j)k*l+m,n=o:p@q", "/a~b.c-d_e!f$g&h'i(j)k*l+m,n=o:p@q", ''],
    ['/caf%C3%A9/%E6%97%A5', '/caf%C3%A9/%E6%97%A5', ''],
    ['/with%20space', '/with%20space', ''],
    ['/...', '/...', ''],
    ['/.well-known/x..y', '/.well-known/x..y', ''],
    [`http://${host}/v1?x`, '/v1', 'x'],
    [`HTTP://API.example.com:8402/v1`, '/v1', ''],
    [`http://${host}`, '/', ''],
  ] as const)('%s goes on as it came', ([url, path, query]) => {
    expect(read(url)).toEqual({ path, query, host })
  })

  test('is the longest path and the longest query', () => {
    const path = `/${'a'.repeat(maxPathBytes - 1)}`
    const query = 'q'.repeat(maxQueryBytes)
    expect(read(`${path}?${query}`)).toEqual({ path, query, host })
  })

  test.for([
    ['API.Example.COM', 'api.example.com'],
    ['127.0.0.1:80', '127.0.0.1:80'],
    ['[::1]:8402', '[::1]:8402'],
  ])('has its host in lower case: %s', ([given, expected]) => {
    expect(readTarget('/', [given ?? ''], isOwnHost).host).toBe(expected)
  })
})

/** What two routers, or a router and an upstream, might read differently. */
const tricks: readonly (readonly [string, string])[] = [
  ['an encoded slash', '/v1%2Fimages'],
  ['an encoded slash in lower case', '/v1%2fimages'],
  ['an empty first segment', '//v1/images'],
  ['an empty segment', '/v1//images'],
  ['an empty last segment but one', '/v1/images//'],
  ['a parameter that hides a dot segment', '/free/..;/v1/images'],
  ['a parameter with a value', '/x/..;a=b/admin'],
  ['a semicolon', '/v1/images;v=1'],
  ['an encoded semicolon', '/v1/images%3Bv=1'],
  ['a letter that need not be encoded', '/v1/%69mages'],
  ['an encoded colon', '/v1/images%3Aedit'],
  ['an encoded at sign', '/v1/images%40x'],
  ['an encoded plus', '/v1/images%2Bx'],
  ['an encoded exclamation mark', '/v1/images%21'],
  ['a dot segment', '/v1/x/../images'],
  ['a single dot', '/v1/./images'],
  ['a dot segment at the end', '/v1/images/..'],
  ['a single dot at the end', '/v1/images/.'],
  ['encoded dots', '/v1/%2e%2e/images'],
  ['encoded dots in upper case', '/v1/%2E%2E/images'],
  ['half encoded dots', '/v1/.%2E/images'],
  ['dots encoded twice', '/v1/%252e%252e/images'],
  ['an encoded percent sign', '/v1/100%25'],
  ['a backslash', '/v1\\images'],
  ['an encoded backslash', '/v1%5Cimages'],
  ['an encoded backslash in lower case', '/v1%5cimages'],
  ['an encoded null', '/v1/images%00'],
  ['an encoded line feed', '/v1/images%0A'],
  ['an encoded carriage return', '/v1/images%0D'],
  ['an encoded tab', '/v1/images%09'],
  ['an encoded delete', '/v1/images%7F'],
  ['a line separator in lower case', '/v1/images%e2%80%a8'],
  ['a cut escape', '/v1/images%2'],
  ['a lone percent sign', '/v1/images%'],
  ['an escape that is none', '/v1/images%zz'],
  ['an escape in wide digits', '/v1/images%u0041'],
  ['an escape in lower-case digits', '/caf%c3%a9'],
  ['an escape that is not UTF-8', '/v1/%FF'],
  ['an overlong spelling of a slash', '/v1%C0%AFimages'],
  ['half of a surrogate pair', '/v1/%ED%A0%80'],
  ['a fragment', '/v1/images#frag'],
  ['a space', '/v1/im ages'],
  ['a quote', '/v1/"images"'],
  ['angle brackets', '/v1/<images>'],
  ['braces', '/v1/{images}'],
  ['a bar', '/v1/a|b'],
  ['a caret', '/v1/a^b'],
  ['a backtick', '/v1/a`b'],
  ['square brackets', '/v1/[a]'],
  ['a letter beyond ASCII', '/v1/café'],
  ['a wide slash', '/v1／images'],
  ['a line feed', '/v1/images\n'],
  ['a null', '/v1/images\0'],
  ['nothing at all', ''],
  ['an asterisk', '*'],
  ['no slash', 'v1/images'],
  ['an authority', 'api.example.com:8402'],
  ['another host', 'http://evil.example/v1/images'],
  ['our host with a user', `http://user@${host}/v1/images`],
  ['our host as a user', `http://${host}@evil.example/v1/images`],
  ['another port of our host', 'http://api.example.com/v1/images'],
  ['another scheme', `ftp://${host}/v1/images`],
  ['an absolute URL without slashes', `http:${host}/v1/images`],
  ['an absolute URL with an empty segment', `http://${host}//v1/images`],
  ['an absolute URL with a dot segment', `http://${host}/../v1/images`],
  ['a query with a fragment', '/v1/images?a#b'],
  ['a query with a space', '/v1/images?a b'],
  ['a query with a quote', '/v1/images?a="b"'],
  ['a query with a line feed', '/v1/images?a\nb'],
  ['a query beyond ASCII', '/v1/images?ä=1'],
]

describe('a target that is refused', () => {
  test.for(tricks)('has %s: %j', ([, url]) => {
    expect(refusal(url)).toMatchObject({ name: 'GatewayError', code: 'bad_target', status: 400 })
  })

  test.for([
    ['path', `/${'a'.repeat(maxPathBytes)}`],
    ['query', `/?${'q'.repeat(maxQueryBytes + 1)}`],
  ] as const)('has too long a %s', ([, url]) => {
    expect(refusal(url)).toMatchObject({ code: 'target_too_long', status: 414 })
  })

  const badHosts: readonly (readonly [string, readonly string[]])[] = [
    ['none', []],
    ['an empty one', ['']],
    ['two', [host, host]],
    ['two that differ', [host, 'evil.example']],
    ['two in one line', [`${host}, evil.example`]],
    ['one with a path', ['api.example.com/v1']],
    ['one with a user', ['user@api.example.com']],
    ['one with a space', ['api example.com']],
    ['one with a query', ['api.example.com?x']],
    ['one with two ports', ['api.example.com:80:80']],
    ['one with a port of six digits', ['api.example.com:123456']],
  ]

  test.for(badHosts)('has a wrong Host header: %s', ([, hosts]) => {
    expect(refusal('/v1/images', hosts)).toMatchObject({ code: 'bad_target' })
  })

  test('has a second Host header although it names its host itself', () => {
    expect(refusal(`http://${host}/v1`, [host, host])).toMatchObject({ code: 'bad_target' })
  })
})

describe('any text whatsoever', () => {
  const segment = fc.oneof(
    fc.constantFrom('.', '..', '%2e', '%2E', '', ';', '\\', '%2F', '%5C', 'a', '%C3%A9', '%69', '%', '%25', 'v1'),
    fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    fc.string({ unit: 'binary', maxLength: 2 }),
  )
  const anyUrl = fc.array(segment, { maxLength: 6 }).map((parts) => `/${parts.join('/')}`)

  test('is either taken as it is, or refused with a GatewayError', () => {
    const property = fc.property(anyUrl, (url) => {
      const outcome = refusal(url)
      if (outcome instanceof GatewayError) return
      const { path, query } = outcome as ReturnType<typeof read>
      expect(query === '' ? [path, `${path}?`] : [`${path}?${query}`]).toContain(url)
    })
    expect(fc.assert(property, { numRuns: 3000 })).toBeUndefined()
  })

  test('that is taken is the same for every reader: a URL parser changes nothing, decoding and encoding neither', () => {
    const property = fc.property(anyUrl, (url) => {
      const outcome = refusal(url)
      if (outcome instanceof GatewayError) return
      const { path } = outcome as ReturnType<typeof read>
      expect(new URL(path, 'http://upstream').pathname).toBe(path)
      const segments = path.split('/').map((part) => decodeURIComponent(part))
      expect(segments.some((part) => /[/\\;\0-\x1f\x7f]/.test(part) || part === '.' || part === '..')).toBe(false)
      expect(decodeURI(path).split('/')).toHaveLength(segments.length)
    })
    expect(fc.assert(property, { numRuns: 3000 })).toBeUndefined()
  })
})
