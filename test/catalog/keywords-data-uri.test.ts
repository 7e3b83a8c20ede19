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

const image = { dataUri: { mediaTypes: ['image/png', 'image/svg+xml'], maxBytes: 12 } }
const validateImage = compiler.compile(image, 'reject')
const isImage = (uri: unknown) => validateImage(uri).ok
const uriOf = (bytes: number, mediaType = 'image/png') =>
  `data:${mediaType};base64,${Buffer.alloc(bytes, 7).toString('base64')}`

describe('a data URI', () => {
  test.for([
    'data:image/png;base64,aGVsbG8=',
    'data:image/png;base64,aGVsbG8h',
    'data:image/png;base64,aGk+/w==',
    'DATA:image/png;BASE64,aGVsbG8=',
    'data:IMAGE/PNG;base64,aGVsbG8=',
    'data:image/svg+xml;base64,aGVsbG8=',
    'data:image/png;charset=utf-8;base64,aGVsbG8=',
    'data:image/png;a=b;c=d.e_f-1;base64,aGVsbG8=',
  ])('is %s', (uri) => {
    expect(isImage(uri)).toBe(true)
  })

  describe('is not one of another form', () => {
    test.for([
      '',
      'data:',
      'data:,',
      'aGVsbG8=',
      'https://example.com/a.png',
      'data:image/png,aGVsbG8=',
      'data:;base64,aGVsbG8=',
      'data:base64,aGVsbG8=',
      'data:image/png;base64',
      'data:image/png;base64,',
      'data:image/png base64,aGVsbG8=',
      'data:image/png; base64,aGVsbG8=',
      'data:image/png;base64;charset=utf-8,aGVsbG8=',
      'data:image/png;charset;base64,aGVsbG8=',
      ' data:image/png;base64,aGVsbG8=',
      'data: image/png;base64,aGVsbG8=',
      'data:image/png;base64,aGVsbG8= ',
      'xdata:image/png;base64,aGVsbG8=',
      'data:image;base64,aGVsbG8=',
      'data:image/png/x;base64,aGVsbG8=',
      `data:image/png;a=${'b'.repeat(300)};base64,aGVsbG8=`,
    ])('%s', (uri) => {
      expect(isImage(uri)).toBe(false)
    })
  })

  test.for(
    words(`
    image/jpeg image/pngx ximage/png image/png+xml image/svg image/svgxxml text/plain application/octet-stream
    image/* */*
  `),
  )('is not one of the media type %s', (mediaType) => {
    expect(isImage(`data:${mediaType};base64,aGVsbG8=`)).toBe(false)
  })

  test.for([
    ['a character that is none of base64', 'aGVs*G8='],
    ['the alphabet for URLs', 'aGk-_w=='],
    ['no padding', 'aGVsbG8'],
    ['too much padding', 'aGVsbG8=='],
    ['padding alone', '===='],
    ['padding in three places', 'a==='],
    ['padding inside', 'aGk=aGk='],
    ['a line break', 'aGVs\nbG8='],
    ['a line break at the end', 'aGVsbG8=\n'],
    ['a space', 'aGVs bG8='],
    ['percent-escapes', 'aGVsbG8%3D'],
    ['a letter outside ASCII', 'aGVsbG8ä'],
    ['one character', 'a'],
  ])('is not one with %s', ([, data]) => {
    expect(isImage(`data:image/png;base64,${data}`)).toBe(false)
  })

  test.for([1, 2, 3, 10, 11, 12])('of %d bytes is within 12 bytes', (bytes) => {
    expect(isImage(uriOf(bytes))).toBe(true)
  })

  test.for([0, 13, 14, 15, 16, 1000])('of %d bytes is not from 1 to 12 bytes', (bytes) => {
    expect(isImage(uriOf(bytes))).toBe(false)
  })

  test('is measured as what it decodes to, at any limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.uint8Array({ minLength: 1, maxLength: 202 }),
        (maxBytes, bytes) => {
          const schema = { dataUri: { mediaTypes: ['image/png'], maxBytes } }
          const uri = `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`
          expect(compiler.compile(schema, 'reject')(uri).ok).toBe(bytes.length <= maxBytes)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('of 20 MiB is measured without running out of stack', () => {
    const limit = 20 * 1024 * 1024
    const validate = compiler.compile({ dataUri: { mediaTypes: ['image/png'], maxBytes: limit } }, 'reject')
    expect([validate(uriOf(limit)).ok, validate(uriOf(limit + 1)).ok]).toEqual([true, false])
    expect(validate(`${uriOf(limit - 1).slice(0, -1)}!`).ok).toBe(false)
  })

  test('is asked for in words', () => {
    const schema = { type: 'object', properties: { imageData: image } }
    expect(judge(schema, { imageData: 'x' })).toEqual([
      '$.imageData must be a base64 data URI of image/png, image/svg+xml with at most 12 bytes',
    ])
    const either = { type: 'object', properties: { voice: { anyOf: [{ publicUrl: true }, image] } } }
    expect(judge(either, { voice: 'x' })).toEqual([
      '$.voice must be a public http or https URL, or must be a base64 data URI of image/png, image/svg+xml with at most 12 bytes',
    ])
    expect(judge(either, { voice: uriOf(12) })).toBe('ok')
    expect(judge(either, { voice: 'https://example.com/a.png' })).toBe('ok')
  })

  test.for([
    {},
    { mediaTypes: [], maxBytes: 1 },
    { mediaTypes: ['IMAGE/PNG'], maxBytes: 1 },
    { mediaTypes: ['image'], maxBytes: 1 },
    { mediaTypes: ['image/png'], maxBytes: 0 },
    { mediaTypes: ['image/png'], maxBytes: 1.5 },
    { mediaTypes: ['image/png'] },
    { mediaTypes: ['image/png'], maxBytes: 1, max: 1 },
  ])('cannot be asked for by %j', (dataUri) => {
    expect(() => compiler.compile({ dataUri }, 'reject')).toThrow(/dataUri/)
  })
})
