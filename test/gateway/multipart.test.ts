import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import {
  checkBoundary,
  encodeMultipart,
  type FormPart,
  hashMultipart,
  parseMultipart,
  partText,
} from '#src/gateway/request/multipart.ts'

interface Written {
  readonly name?: string
  readonly filename?: string
  readonly type?: string
  readonly content?: string | Buffer
  /** Instead of the ordinary header lines. */
  readonly head?: string
}

/** A form as a client writes it. */
function form(parts: readonly Written[], boundary = 'client-boundary', end = '\r\n'): Buffer {
  const pieces = parts.flatMap(({ name = 'prompt', filename, type, content = 'a cat', head }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    const typed = type === undefined ? '' : `\r\nContent-Type: ${type}`
    const lines = head ?? `Content-Disposition: form-data; name="${name}"${file}${typed}`
    return [Buffer.from(`--${boundary}\r\n${lines}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')]
  })
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--${end}`)])
}

const parts: readonly Written[] = [
  { name: 'prompt', content: 'a cat' },
  { name: 'image', filename: 'cat.png', type: 'image/png', content: Buffer.from([0, 13, 10, 45, 45, 255]) },
]

function refusal(run: () => unknown): unknown {
  try {
    return run()
  } catch (thrown) {
    return thrown
  }
}

const hash = (written: readonly Written[], boundary = 'client-boundary', end = '\r\n') =>
  hashMultipart(form(written, boundary, end), boundary)

describe('what a token is bound to of a form', () => {
  test.for(['x', "0'()+_,./:=?-z", '----WebKitFormBoundaryAbCd1234', 'b'.repeat(70)])(
    'is the same under another boundary: %s',
    (boundary) => {
      expect(hash(parts, boundary)).toBe(hash(parts))
    },
  )

  const changes: readonly (readonly [string, readonly Written[]])[] = [
    ['content', [{ ...parts[0], content: 'a Cat' }, { ...parts[1] }]],
    ['length of content', [{ ...parts[0], content: 'a cat\r\n' }, { ...parts[1] }]],
    ['name', [{ ...parts[0], name: 'Prompt' }, { ...parts[1] }]],
    ['filename', [{ ...parts[0] }, { ...parts[1], filename: 'dog.png' }]],
    ['media type', [{ ...parts[0] }, { ...parts[1], type: 'image/gif' }]],
    ['order', parts.toReversed()],
    ['number of parts', [...parts, { name: 'more' }]],
    ['fewer parts', parts.slice(0, 1)],
  ]

  test.for(changes)('is another with another %s', ([, changed]) => {
    expect(hash(changed)).not.toBe(hash(parts))
  })

  test('cannot be made the same by moving a border into a part', () => {
    const joined = [{ name: 'a', content: 'one\r\nContent-Disposition: form-data; name="b"\r\n\r\ntwo' }]
    const apart = [
      { name: 'a', content: 'one' },
      { name: 'b', content: 'two' },
    ]
    expect(hash(joined)).not.toBe(hash(apart))
    expect(hash([])).not.toBe(hash([{ name: 'a', content: '' }]))
  })

  test('is never that of a body in which the gateway’s own boundary stands', () => {
    const own = /--(turnpike-canonical-boundary-[0-9a-f]+)/
    const constant = 'turnpike-canonical-boundary-d41d8cd98f00b204'
    expect(own.test(`--${constant}`)).toBe(true)
    for (const written of [
      form([{ content: `x${constant}x` }]),
      form([{ name: constant }]),
      form([{ content: `\r\n--${constant}\r\n` }]),
      form(parts, constant),
    ]) {
      const boundary = written.includes('client-boundary') ? 'client-boundary' : constant
      expect(refusal(() => hashMultipart(written, boundary))).toMatchObject({ code: 'bad_multipart' })
    }
  })
})

describe('a form that is refused', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['has nothing', Buffer.alloc(0)],
    ['has only text', Buffer.from('a=1&b=2')],
    ['has a preamble', Buffer.concat([Buffer.from('preamble\r\n'), form(parts)])],
    ['begins with a line break', Buffer.concat([Buffer.from('\r\n'), form(parts)])],
    ['has an epilogue', form(parts, 'client-boundary', '\r\nepilogue')],
    ['has two line breaks at its end', form(parts, 'client-boundary', '\r\n\r\n')],
    ['has a line feed at its end', form(parts, 'client-boundary', '\n')],
    ['has no end', form(parts).subarray(0, -'--client-boundary--\r\n'.length)],
    ['has an end that is not one', form(parts, 'client-boundary', '').subarray(0, -1)],
    ['has a second end', form(parts, 'client-boundary', '\r\n--client-boundary--\r\n')],
    ['has parts after its end', Buffer.concat([form(parts), form(parts)])],
    ['has a line that begins with the boundary', form([{ content: 'x\r\n--client-boundary-more\r\ny' }])],
    [
      'has a padded boundary line',
      Buffer.from(form(parts).toString('latin1').replace('--client-boundary\r\n', '--client-boundary \r\n'), 'latin1'),
    ],
    [
      'has line feeds alone',
      Buffer.from(form(parts.slice(0, 1)).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'),
    ],
    ['has an empty part', Buffer.from('--client-boundary\r\n--client-boundary--\r\n')],
    ['has too many parts', form(Array.from({ length: 257 }, (_, index) => ({ name: `p${index}` })))],
  ]

  test.for(cases)('%s', ([, body]) => {
    expect(refusal(() => parseMultipart(body, 'client-boundary'))).toMatchObject({ code: 'bad_multipart', status: 400 })
    expect(refusal(() => hashMultipart(body, 'client-boundary'))).toMatchObject({ code: 'bad_multipart' })
  })

  test.for([
    ['no header at all', ''],
    ['no name', 'Content-Disposition: form-data'],
    ['an empty name', 'Content-Disposition: form-data; name=""'],
    ['a name without quotes', 'Content-Disposition: form-data; name=prompt'],
    ['an escaped quote in its name', 'Content-Disposition: form-data; name="a\\"b"'],
    ['a backslash at the end of its name', 'Content-Disposition: form-data; name="a\\"'],
    ['two names', 'Content-Disposition: form-data; name="a"; name="b"'],
    ['a name in another spelling', "Content-Disposition: form-data; name*=UTF-8''prompt"],
    ['a filename in another spelling', 'Content-Disposition: form-data; name="a"; filename*=UTF-8\'\'b'],
    ['two dispositions', 'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"'],
    ['two media types', 'Content-Disposition: form-data; name="a"\r\nContent-Type: a/b\r\nContent-Type: c/d'],
    ['an encoding', 'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64'],
    ['another header', 'Content-Disposition: form-data; name="a"\r\nX-More: 1'],
    ['another disposition', 'Content-Disposition: attachment; name="a"'],
    ['a folded line', 'Content-Disposition: form-data;\r\n name="a"'],
    ['a line without a colon', 'Content-Disposition: form-data; name="a"\r\nnonsense'],
    ['a space before the colon', 'Content-Disposition : form-data; name="a"'],
    ['a bare line feed', 'Content-Disposition: form-data; name="a\nb"'],
    ['too much of it', `Content-Disposition: form-data; name="${'a'.repeat(2048)}"`],
  ])('has a part whose head has %s', ([, head]) => {
    const body = form([{ head: head ?? '' }])
    expect(refusal(() => parseMultipart(body, 'client-boundary'))).toMatchObject({ code: 'bad_multipart' })
  })

  test('has a name or text that is not UTF-8', () => {
    const name = form([{ head: 'Content-Disposition: form-data; name="N"' }])
    name[name.indexOf('"N"') + 1] = 0xff
    expect(refusal(() => parseMultipart(name, 'client-boundary'))).toMatchObject({ code: 'bad_multipart' })
    const [text] = parseMultipart(form([{ content: Buffer.from([0xff]) }]), 'client-boundary')
    expect(refusal(() => text && partText(text))).toMatchObject({ code: 'bad_multipart' })
  })

  test.for([undefined, '', 'a b', 'a"b', 'b'.repeat(71), 'ä', 'a\r\nb'])('has the boundary %j', (boundary) => {
    expect(refusal(() => checkBoundary(boundary))).toMatchObject({ code: 'bad_multipart' })
  })
})

describe('a form that is taken', () => {
  test('has the parts that were sent', () => {
    expect(parseMultipart(form(parts), 'client-boundary')).toEqual([
      { name: 'prompt', filename: undefined, contentType: undefined, content: Buffer.from('a cat') },
      { name: 'image', filename: 'cat.png', contentType: 'image/png', content: Buffer.from([0, 13, 10, 45, 45, 255]) },
    ])
  })

  test('may end without a last line break, and have no part', () => {
    expect(parseMultipart(form(parts, 'client-boundary', ''), 'client-boundary')).toHaveLength(2)
    expect(parseMultipart(form([]), 'client-boundary')).toEqual([])
  })

  test('of any parts is read back as it was written, and a reader of forms sees the same', async () => {
    const word = fc
      .string({ unit: fc.constantFrom(...Array.from("abc äö😀-_.;:='()")), minLength: 1, maxLength: 8 })
      .map((text) => `n${text}`)
    const anyPart: fc.Arbitrary<FormPart> = fc.record({
      name: word,
      filename: fc.option(word, { nil: undefined }),
      contentType: fc.constantFrom(undefined, 'image/png', 'text/plain; charset=utf-8'),
      content: fc
        .oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(Buffer.from('\r\n--\r\n')))
        .map((bytes) => Buffer.from(bytes)),
    })
    const property = fc.asyncProperty(fc.array(anyPart, { minLength: 1, maxLength: 5 }), async (written) => {
      const { body, boundary } = encodeMultipart(written)
      expect(parseMultipart(body, checkBoundary(boundary))).toEqual(written)
      const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
      const theirs = [...(await new Response(new Uint8Array(body), { headers }).formData())]
      expect(theirs.map(([name]) => name)).toEqual(written.map(({ name }) => name))
    })
    await expect(fc.assert(property)).resolves.toBeUndefined()
  })

  test('of any bytes is read or refused with a GatewayError', () => {
    const shards = fc.constantFrom(
      '--b',
      '--b\r\n',
      '--b--',
      '\r\n',
      '\n',
      'Content-Disposition: form-data; name="a"',
      '\r\n\r\n',
      'x',
      '--',
    )
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(shards, { maxLength: 14 }).map((each) => Buffer.from(each.join(''))),
    )
    const property = fc.property(bytes, (body) => {
      for (const run of [() => parseMultipart(Buffer.from(body), 'b'), () => hashMultipart(Buffer.from(body), 'b')]) {
        const outcome = refusal(run)
        expect(outcome instanceof GatewayError || typeof outcome === 'string' || Array.isArray(outcome)).toBe(true)
      }
    })
    expect(fc.assert(property, { numRuns: 2000 })).toBeUndefined()
  })
})
