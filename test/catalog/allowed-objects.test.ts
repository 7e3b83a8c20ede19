import { expect, test } from 'vitest'
import { SchemaCompiler } from '#src/catalog/validator.ts'
import { parseStrictJson } from '#src/gateway/request/strict-json.ts'

const size = { width: 512, height: 512 }

const judge = (field: object, body: string) =>
  new SchemaCompiler().compile({ type: 'object', properties: { field } }, 'reject')(parseStrictJson(Buffer.from(body)))

test.for([
  ['const', { const: size }],
  ['enum', { enum: ['auto', size] }],
  ['const in a list', { items: { const: size } }, '[', ']'],
  ['contains', { type: 'array', contains: { const: size } }, '[1, ', ']'],
  ['anyOf', { anyOf: [{ const: size }, { type: 'integer' }] }],
] as const)(
  'an object that is allowed by %s is sold, whatever the order of its keys',
  ([, field, open = '', close = '']) => {
    const of = (value: string) => judge(field, `{"field": ${open}${value}${close}}`)
    expect(of('{"height": 512, "width": 512}').ok).toBe(true)
    expect(of('{"height": 512, "width": 513}').ok).toBe(false)
    expect(of('{"width": 512}').ok).toBe(false)
  },
)

test('an object that is forbidden is not sold', () => {
  expect(judge({ not: { const: size } }, '{"field": {"height": 512, "width": 512}}').ok).toBe(false)
  expect(judge({ not: { const: size } }, '{"field": {"height": 1, "width": 1}}').ok).toBe(true)
})

test('the answer says what is allowed', () => {
  expect(judge({ enum: ['auto', size] }, '{"field": "none"}')).toEqual({
    ok: false,
    issues: [{ path: '$.field', message: 'is not one of the allowed values', allowed: ['auto', size] }],
  })
})
