import { describe, expect, test } from 'vitest'
import { SchemaCompiler } from '#src/catalog/validator.ts'

const formats = `
  date time date-time iso-time iso-date-time duration uri uri-reference uri-template url email hostname ipv4 ipv6 regex
  uuid json-pointer relative-json-pointer byte password binary`
  .trim()
  .split(/\s+/)

const of = (format: string) => new SchemaCompiler().compile({ type: 'string', format }, 'reject')

const beginnings = ['', 'http://', 'http://a.', 'http://a.bc/', 'a@', 'a@a.', 'urn:', '::', '12:00:00.', 'P1']
const units = [':', '::', 'a', '.', '-', 'a.', 'a-', '@', 'a@', 'a@a.bc/', '/', '%20', '?', '{a}', '~0', '0', '1D', 'é']
const ends = ['', '!', ' ', '\n']

describe('text of a format', () => {
  test.for(formats)(
    'is judged in a time that grows with its length and no faster: %s',
    { timeout: 60_000 },
    (format) => {
      const validate = of(format)
      for (const beginning of beginnings) {
        for (const unit of units) {
          for (const end of ends) {
            const text = beginning + unit.repeat(20_000) + end
            const begunMs = performance.now()
            validate(text)
            expect(performance.now() - begunMs, `${beginning}${unit}…${JSON.stringify(end)}`).toBeLessThan(150)
          }
        }
      }
    },
  )

  test.for([
    'http://example.com',
    'https://example.com:8080/a/b?c=d@e#f',
    'ftp://user:secret@example.com/a',
    'https://user@example.com',
    'https://a:b:c@d@example.com/@',
    'http://203.0.113.9/x',
    'HTTP://Example.COM/',
    'https://münchen.example/ä',
    'https://a-b.c-d.example/',
  ])('is an url: %s', (text) => {
    expect(of('url')(text).ok).toBe(true)
  })

  test.for([
    '',
    'http://',
    'http://localhost',
    'http://127.0.0.1/',
    'http://10.1.2.3',
    'http://192.168.1.1/a',
    'http://172.16.0.1',
    'mailto:a@example.com',
    'http://example.com/a b',
    'http://ex ample.com',
    'http://example.com\n',
    'http://example',
    'http://@',
    'http://-a.example/',
    'javascript:http://example.com',
  ])('is no url: %j', (text) => {
    expect(of('url')(text).ok).toBe(false)
  })
})
