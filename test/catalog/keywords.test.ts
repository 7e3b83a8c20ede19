import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SchemaCompiler } from '#src/catalog/validator.ts'

const compiler = new SchemaCompiler()

/** What a schema says of one value: `ok`, or the messages. */
function judge(schema: object, value: unknown): string | string[] {
  const result = compiler.compile(schema, 'reject')(structuredClone(value))
  return result.ok ? 'ok' : result.issues.map(({ path, message }) => `${path} ${message}`)
}

/** The words of a text, one a row. */
const words = (text: string): string[] => text.trim().split(/\s+/)

const validatePublicUrl = compiler.compile({ publicUrl: true }, 'reject')
const isPublic = (url: unknown) => validatePublicUrl(url).ok

describe('a public URL', () => {
  test.for(
    words(`
    https://example.com/my-voice-sample.mp3 http://example.com HTTPS://EXAMPLE.COM/A.MP3 https://example.com./a.mp3
    https://sub.sub.example.co.uk:8443/a%20b/c.mp3?x=1&y=%2F#t=10 https://example.com/@user/a.mp3?owner=a@b.example#@
    https://xn--bcher-kva.example.com/a.mp3 https://bucket_name.s3.example.com/a https://local.example.com/internal
    https://example.localnet.com/a https://8.8.8.8/a.mp3 http://93.184.215.14:8080/ http://1.1.1.1./
    http://0x08080808/ http://134744072/ http://[2606:4700:4700::1111]/a.mp3
    http://[2001:4860:4860:0:0:0:0:8888]:443/ http://11.0.0.1/ http://9.255.255.255/ http://100.63.255.255/
    http://100.128.0.0/ http://126.255.255.255/ http://128.0.0.1/ http://169.253.255.255/ http://169.255.0.0/
    http://172.15.255.255/ http://172.32.0.0/ http://192.167.255.255/ http://192.169.0.0/ http://198.17.255.255/
    http://198.20.0.0/ http://223.255.255.255/
  `),
  )('is %s', (url) => {
    expect(isPublic(url)).toBe(true)
  })

  describe('is not one of another scheme, or of none', () => {
    test.for([
      'ftp://example.com/a.mp3',
      'file:///etc/passwd',
      'gopher://example.com/',
      'data:text/html,hi',
      'javascript:alert(1)//example.com',
      'ws://example.com/',
      '//example.com/a.mp3',
      'example.com/a.mp3',
      '/local.mp3',
      '',
      'http://',
      'http:',
      'https://:8080/',
      'http:/example.com/',
      'http:example.com',
      'http:///example.com/',
      'http:////example.com/',
      'blob:https://example.com/1',
      'view-source:http://example.com/',
    ])('%s', (url) => {
      expect(isPublic(url)).toBe(false)
    })
  })

  describe('is not this machine or its network, in any spelling of IPv4', () => {
    test.for(
      words(`
      http://127.0.0.1/a.mp3 http://127.255.255.254/ http://127.1/ http://127.0.1/ http://2130706433/
      http://0x7f000001/ http://0x7f.0.0.1/ http://0X7F.1/ http://0177.0.0.1/ http://0177.0x0.0.01/
      http://017700000001/ http://127.0.0.1./ http://127.0.0.1:80/ http://%31%32%37.0.0.1/ http://0/ http://0.0.0.0/
      http://0.1.2.3/ http://10.0.0.5/ http://10.255.255.255/ http://167772165/ http://012.0.0.5/ http://100.64.0.1/
      http://100.127.255.255/ http://169.254.169.254/latest/meta-data/ http://2852039166/ http://0xa9fea9fe/
      http://0251.0376.0251.0376/ http://172.16.0.1/ http://172.31.255.255/ http://192.0.0.1/ http://192.0.2.1/
      http://192.88.99.1/ http://192.168.0.1/ http://192.168.1/ http://198.18.0.1/ http://198.19.255.255/
      http://198.51.100.1/ http://203.0.113.1/ http://224.0.0.1/ http://239.255.255.255/ http://240.0.0.1/
      http://255.255.255.255/ http://4294967295/
    `),
    )('%s', (url) => {
      expect(isPublic(url)).toBe(false)
    })

    test('whatever number between 0 and 2^32 stands for an address, its spellings are judged alike', () => {
      fc.assert(
        fc.property(fc.nat({ max: 0xffff_ffff }), (address) => {
          const bytes = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255]
          const spellings = [
            bytes.join('.'),
            `${bytes.join('.')}.`,
            String(address),
            `0x${address.toString(16)}`,
            `0${address.toString(8)}`,
            bytes.map((byte) => `0x${byte.toString(16)}`).join('.'),
            bytes.map((byte) => `0${byte.toString(8)}`).join('.'),
            `${bytes[0]}.${address & 0xff_ffff}`,
            `${bytes[0]}.${bytes[1]}.${address & 0xffff}`,
          ].map((host) => isPublic(`http://${host}/`))
          expect(new Set(spellings).size).toBe(1)
          expect(spellings[0]).toBe(isGlobalIPv4(bytes))
        }),
        { numRuns: 500, examples: [[0x7f000001], [0xa9fea9fe], [0x08080808], [0xc0a80001]] },
      )
    })
  })

  describe('is not this machine or its network, in any spelling of IPv6', () => {
    test.for(
      words(`
      http://[::]/ http://[::1]/ http://[0:0:0:0:0:0:0:1]/ http://[0000::0001]:8080/ http://[::127.0.0.1]/
      http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::ffff:10.0.0.5]/ http://[::FFFF:A9FE:A9FE]/
      http://[0:0:0:0:0:ffff:192.168.0.1]/ http://[::ffff:8.8.8.8]/ http://[64:ff9b::127.0.0.1]/
      http://[64:ff9b::a9fe:a9fe]/ http://[64:ff9b:1::1]/ http://[100::1]/ http://[2001::1]/
      http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/ http://[2001:db8::1]/ http://[2002:7f00:1::]/
      http://[2002:a9fe:a9fe::1]/ http://[3fff::1]/ http://[5f00::1]/ http://[fc00::1]/ http://[fd00:ec2::254]/
      http://[fe80::1]/ http://[fe80::1%25eth0]/ http://[febf::1]/ http://[fec0::1]/ http://[ff02::1]/
      http://[4000::1]/ http://[::1 http://[127.0.0.1]/
    `),
    )('%s', (url) => {
      expect(isPublic(url)).toBe(false)
    })
  })

  describe('is not a name that cannot be public', () => {
    test.for(
      words(`
      http://localhost/ http://LOCALHOST:9000/ http://localhost./ http://localhost../ http://127.0.0.1../
      http://%6cocalhost/ http://intranet/ http://db/ http://com/ http://com./ http://api.localhost/
      http://printer.local/ http://printer.LOCAL./ http://printer.local../ http://vault.internal/
      http://metadata.google.internal/computeMetadata/v1/ http://wiki.intranet/ http://nas.lan/ http://nas.home/
      http://nas.home.arpa/ http://1.0.0.127.in-addr.arpa/ http://hidden.onion/ http://a.test/ http://a.invalid/
      http://.com/ http://a..example.com/ http://example.com%2elocal/
    `),
    )('%s', (url) => {
      expect(isPublic(url)).toBe(false)
    })
  })

  describe('is not one that two readers take for two places', () => {
    test.for([
      'http://user@example.com/',
      'http://user:pass@example.com/',
      'http://:@example.com/',
      'http://@example.com/',
      'http://example.com@127.0.0.1/',
      'http://example.com:80@127.0.0.1:9000/',
      'http://127.0.0.1@example.com/',
      'http://a@b@example.com/',
      'http://example.com\\@127.0.0.1/',
      'http:\\\\127.0.0.1\\',
      'http://example.com\\.internal/',
      'https://example.com/a\\b.mp3',
      'http://bücher.example.com/',
      'http://example.com/ü.mp3',
      'http://①②⑦.⓪.⓪.①/',
      'http://127。0。0。1/',
      'http://exam\u00adple.com/',
      'http://example.com/a b.mp3',
      ' http://example.com/',
      'http://example.com/ ',
      'http://exa\tmple.com/',
      'http://example.com/\n',
      'http://example.com/\r\nX: y',
      'http://example.com\0.internal/',
      'http://example.com:99999/',
      'http://example.com:http/',
      'http://exa<mple.com/',
      'http://exa%00mple.com/',
      'http://999.1.1.1/',
      'http://1.2.3.4.5/',
      'http://0x7g.0.0.1/',
    ])('%j', (url) => {
      expect(isPublic(url)).toBe(false)
    })
  })

  test('is asked for in words', () => {
    const schema = { type: 'object', properties: { voice_file: { publicUrl: true } } }
    expect(judge(schema, { voice_file: 'ftp://x' })).toEqual(['$.voice_file must be a public http or https URL'])
  })

  test('is not asked for with `publicUrl: false`, nor of what is not text', () => {
    expect(judge({ publicUrl: false }, 'http://127.0.0.1/')).toBe('ok')
    expect(judge({ publicUrl: true }, 42)).toBe('ok')
    expect(() => compiler.compile({ publicUrl: 'yes' }, 'reject')).toThrow(/publicUrl/)
  })
})

/** The special-purpose addresses of the IANA registry, and those of multicast, written another way than in the source. */
function isGlobalIPv4([a = 0, b = 0, c = 0]: readonly number[]): boolean {
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 100) return b < 64 || b > 127
  if (a === 169) return b !== 254
  if (a === 172) return b < 16 || b > 31
  if (a === 192) return !(b === 168 || (b === 0 && (c === 0 || c === 2)) || (b === 88 && c === 99))
  if (a === 198) return !(b === 18 || b === 19 || (b === 51 && c === 100))
  return !(a === 203 && b === 0 && c === 113)
}

describe('a field that differs from a known one only by case', () => {
  const schema = {
    type: 'object',
    properties: { duration: { type: 'integer' }, inner: { type: 'object', properties: { Mode: { type: 'string' } } } },
  }
  test.for([
    [{ duration: 3 }, 'ok'],
    [{ Duration: 15 }, expect.arrayContaining(['$.Duration differs from `duration` only by case'])],
    [{ duration: 3, DURATION: 15 }, expect.arrayContaining(['$.DURATION differs from `duration` only by case'])],
    [{ inner: { mode: 'x' } }, expect.arrayContaining(['$.inner.mode differs from `Mode` only by case'])],
  ] as const)('%j', ([body, expected]) => {
    const found = judge(schema, body)
    expect(found).toEqual(expected)
  })

  test('is refused where unknown fields are allowed too', () => {
    const validate = compiler.compile(schema, 'allow')
    expect(validate({ other: 1 }).ok).toBe(true)
    expect(validate({ dUration: 15 }).ok).toBe(false)
    expect(validate({ inner: { MODE: 'x' } }).ok).toBe(false)
  })
})

describe('a field that no schema names', () => {
  const conditional = {
    type: 'object',
    properties: { a: { type: 'boolean' } },
    if: { properties: { a: { const: true } }, required: ['a'] },
    else: { properties: { b: { type: 'string' } } },
  }
  const inherited = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty']
  test.for(['c', ...inherited])('is refused as %s, also by a schema with conditions', (name) => {
    const refused = [`$.${name} is not a field of this service`]
    const body = Object.assign(Object.create(null) as object, JSON.parse(`{"a":true,"x":1}`))
    Reflect.deleteProperty(body, 'x')
    Object.defineProperty(body, name, { value: 1, enumerable: true, configurable: true, writable: true })
    const judged = compiler.compile(conditional, 'reject')(body)
    expect(judged.ok ? 'ok' : judged.issues.map(({ path, message }) => `${path} ${message}`)).toEqual(refused)
    const plain = { type: 'object', properties: { a: { type: 'boolean' } } }
    const judgedPlainly = compiler.compile(plain, 'reject')(body)
    expect(judgedPlainly.ok).toBe(false)
  })
})
