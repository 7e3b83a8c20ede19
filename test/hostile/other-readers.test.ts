import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { paid, payFor, type Sent, send } from '../support/buyer.ts'
import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'
import { tally } from './support/tally.ts'

/** What readers in use find where the price finds nothing, or something else. Each was seen with the reader named. */

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await openUpstream()
  const tiers = 'rate: { by: model, default: low, table: { low: 1, high: 100 } }'
  gateway = await openGateway({
    config: `
services:
  GET /speak: { name: speak, upstream: "${upstream.url}", price: { per_char: { of: "?max_text", rate: 1, min: 5 } } }
  GET /img: { name: img, upstream: "${upstream.url}", price: { per_unit: { of: "?steps", rate: 1 } } }
  /any: { name: any, upstream: "${upstream.url}", price: { per_char: { of: "?text", rate: 1, min: 5 } } }
  /render/:style: { name: render, upstream: "${upstream.url}", price: { per_unit: { of: "?n", rate: { by: ":style", table: { oil: 1, hd: 99 } } } } }
  POST /eng/:model/chat:
    name: chat
    upstream: ${upstream.url}
    price: { per_char: { of: prompt, rate: { by: ":model", table: { small: 1, large: 99 } } } }
  POST /both:
    name: both
    upstream: ${upstream.url}
    price: { sum: [{ flat: 1 }, { per_char: { of: ["?text", title], rate: 1 } }] }
  POST /form:
    name: form
    upstream: ${upstream.url}
    request: { content_type: [multipart/form-data, application/json] }
    price: { sum: [{ per_unit: { of: steps, ${tiers} } }, { per_char: { of: options.prompt, rate: 1 } }] }
  POST /video:
    name: video
    upstream: ${upstream.url}
    price: { per_unit: { of: seconds, rate: { by: audio, default: false, table: { false: 300, true: 400, auto: 350 } } } }
  POST /open:
    name: open
    upstream: ${upstream.url}
    request: { unknown_fields: allow, schema: { type: object, properties: { named: { type: string } } } }
    price: { sum: [{ flat: 1 }, { per_char: { of: ["?text", "?named"], rate: 1 } }] }
  POST /open-query:
    name: open-query
    upstream: ${upstream.url}
    request: { unknown_fields: allow, query: { type: object, properties: { page: { type: integer } } } }
    price: { sum: [{ flat: 1 }, { per_char: { of: title, rate: 1 } }] }
  POST /untyped:
    name: untyped
    upstream: ${upstream.url}
    request: { schema: { type: object, properties: { seconds: { type: integer }, audio: { enum: ["true", "false"], default: "true" } } } }
    price: { per_unit: { of: seconds, rate: { by: audio, table: { false: 300, true: 400 } } } }
  POST /written:
    name: written
    upstream: ${upstream.url}
    request: { schema: { type: object, properties: { seconds: { type: integer }, audio: { enum: ["true", "false"], type: string, default: "true" } } } }
    price: { per_unit: { of: seconds, rate: { by: audio, table: { false: 300, true: 400 } } } }
`,
    logLevel: 'silent',
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

interface Part {
  readonly name: string
  readonly value: string
  readonly type?: string
}

const formOf = (path: string, parts: readonly Part[]): Sent => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'multipart/form-data; boundary=b' },
  body: `${parts
    .map(({ name, value, type }) => {
      const typed = type === undefined ? '' : `\r\nContent-Type: ${type}`
      return `--b\r\nContent-Disposition: form-data; name="${name}"${typed}\r\n\r\n${value}\r\n`
    })
    .join('')}--b--\r\n`,
})

describe('a parameter that other readers take for the priced one is refused', () => {
  const long = 'x'.repeat(50)
  test.for([
    ['qs and Rack', `[max_text]=${long}`],
    ['the same, in escapes', `%5Bmax_text%5D=${long}`],
    ['Rack', `[[max_text=${long}`],
    ['Rack', `]max_text]=${long}`],
    ['PHP, where a bracket that is not closed becomes an underscore', `max[text=${long}`],
    ['JavaScript, where URLSearchParams drops a mark', `?max_text=${long}`],
    ['Spring, which takes it where the other is missing', `!max_text=${long}`],
    ['Python, which strips more than spaces', `max_text%1F=${long}`],
    ['Java, which trims every control character', `%01max_text=${long}`],
    ['PHP, where dots and spaces do', `max.text=${long}`],
  ] as const)('%s: %s', async ([, query], context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(gateway, { path: `/speak?${query}` })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
  })

  test('and so is one behind so many others that readers leave it out', async () => {
    const others = (count: number) => Array.from({ length: count }, (_, at) => at.toString(36)).join('&')
    const answer = await send(gateway, { path: `/img?${others(999)}&steps=1` })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
    expect((await send(gateway, { path: `/img?${others(200)}&steps=1` })).status).toBe(402)
  })
})

describe('a body beside a priced query, which some frameworks put into one map with it', () => {
  const long = 'x'.repeat(50)
  const typed = (type: string, body: string | Uint8Array): Sent => ({
    method: 'POST',
    path: '/any',
    headers: { 'content-type': type },
    body,
  })
  test.for([
    typed('application/x-www-form-urlencoded', `text=${long}`),
    typed('Application/X-WWW-Form-Urlencoded; charset=utf-8', `a=1&%74ext=${long}`),
    typed('application/x-www-form-urlencoded', `a;Text[]=${long}`),
    typed('application/json', JSON.stringify({ text: long })),
    typed('application/vnd.api+json', JSON.stringify({ a: 1, TEXT: long })),
    typed('text/x-json', JSON.stringify({ text: long })),
    typed('application/jsonrequest', JSON.stringify({ text: long })),
    typed('application/json', Buffer.from(JSON.stringify({ text: long }), 'utf16le')),
    typed('application/json', `\ufeff{"text":"${long}"}`),
    formOf('/any', [{ name: 'text', value: long }]),
    formOf('/any?text=a', [
      { name: 'a', value: '1' },
      { name: 'text[0]', value: long },
    ]),
    { ...typed('application/json', JSON.stringify({ title: 'a', text: long })), path: '/both' },
    typed('application/x-www-form-urlencoded', `%u0074ext=${long}`),
    // PHP takes single quotes, werkzeug joins and decodes what RFC 2231 allows, and Rack takes any multipart for a form.
    ...[
      "name='text'",
      'name=\v"text"',
      'name=\0"text"',
      'name*0="te"; name*1="xt"',
      "name*=utf-8''te%78t",
      'other=1',
    ].map((name) =>
      typed(
        'multipart/form-data; boundary=b',
        `--b\r\nContent-Disposition: form-data; ${name}\r\n\r\n${long}\r\n--b--\r\n`,
      ),
    ),
    // Laravel looks for `/json` anywhere in the header, and formidable for `json`, `urlencoded` and `multipart`.
    typed('application/jsonp', JSON.stringify({ text: long })),
    typed('text/plain; of="/json"', JSON.stringify({ text: long })),
    typed('text/plain; a=URLencoded', `text=${long}`),
    { ...typed('application/json', JSON.stringify({ text: long })), path: '/open' },
    { ...typed('application/json', JSON.stringify({ title: 'a' })), path: '/open-query?title=b' },
  ])('may not have the field: %j', async (request, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(gateway, request)
    expect(answer.status).toBe(400)
  })

  const keys = Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`k${index}`, 0]))
  test.for([
    ['x-www-form-urlencoded', '&'.repeat(1_000)],
    ['x-www-form-urlencoded', `${'_'.repeat(50_000)}x=1`],
    ['json', JSON.stringify(keys)],
    ['json', JSON.stringify({ ['_'.repeat(1_001)]: 1 })],
  ] as const)('is not looked at for longer than a moment: %#', async ([type, body]) => {
    const answer = await send(gateway, typed(`application/${type}`, body))
    expect([answer.status, answer.json().code]).toEqual([400, 'bad_body'])
  })

  test.for(['multipart/mixed; boundary=b', 'text/plain; a=multipart; boundary=b'])('is none as %s', async (type) => {
    const body = `--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n${long}\r\n--b--\r\n`
    expect((await send(gateway, typed(type, body))).status).toBe(415)
  })

  test('without a type goes on as bytes, which nobody takes for a form', async () => {
    const untyped: Sent = { method: 'POST', path: '/any?text=a', body: `text=${long}` }
    const payment = await payFor(gateway, untyped)
    expect((await send(gateway, paid(untyped, payment))).status).toBe(200)
    const call = upstream.calls.at(-1)
    expect([call?.headers['content-type'], call?.body.toString()]).toEqual(['application/octet-stream', untyped.body])
  })

  test.for([
    typed('application/x-www-form-urlencoded', `context=${long}`),
    typed('application/json', JSON.stringify({ a: { text: long } })),
    typed('application/json', JSON.stringify([long])),
    typed('application/jsonl', `{"context":1}\n{"text":1}\n`),
    typed('application/x-ndjson', `{"text":1}\n{"text":2}\n`),
    typed('text/plain; charset=UTF-8', `text=${long}`),
    { path: '/speak?max_text=a', headers: { 'content-type': 'application/json; charset=utf8' } },
    typed('application/json', JSON.stringify(Array(5_000).fill(0))),
    typed('application/x-www-form-urlencoded', 'rate=100%'),
    formOf('/any', [{ name: 'context', value: long }]),
    { ...typed('application/json', JSON.stringify({ named: long })), path: '/open?named=a' },
    typed('application/json', `{"seed":18446744073709551615,"deep":${'['.repeat(100)}${']'.repeat(100)}}`),
    typed('application/octet-stream', `text=${long}`),
    formOf('/any', [{ name: 'other', value: 'name="text"' }]),
    { ...typed('application/json', JSON.stringify({ title: 'a' })), path: '/both' },
  ])('may have others: %j', async (request) => {
    expect((await send(gateway, request)).status).toBe(402)
  })
})

describe('a parameter of the path, before which some frameworks take the query or the body', () => {
  const json = { 'content-type': 'application/json' }
  test.for<Sent>([
    { path: '/render/oil?n=1&style=hd' },
    { path: '/render/oil?n=1&Style[]=hd' },
    { path: '/render/oil?n=1', method: 'POST', headers: json, body: '{"style":"hd"}' },
  ])('may not be given there: %j', async (request, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    expect((await send(gateway, request)).status).toBe(400)
    const other = { ...request, path: request.path.replace(/style/i, 'other') }
    const body = typeof other.body === 'string' ? { body: '{"other":"hd"}' } : {}
    expect((await send(gateway, { ...other, ...body })).status).toBe(402)
  })
})

describe('a model in the path and in the body', () => {
  const ask = (body: object) => send(gateway, { path: '/eng/small/chat', body: { prompt: 'hi', ...body } })

  test('is sold where they are the same', async () => {
    expect((await ask({ model: 'small' })).json().amountMsat).toBe(2_000)
  })

  test.for([{ model: 'large' }, { Model: 'small' }, { model: ['small'] }, { model: null }])(
    'is refused where one reader may take another than the price: %j',
    async (body) => {
      expect((await ask(body)).status).toBe(400)
    },
  )
})

describe('text that spells a truth value', () => {
  const ask = (path: string, audio: unknown) => send(gateway, { path, body: { seconds: 1, audio } })

  test.for(['false', 'False', 'FALSE', 'true', 'TRUE'])('is none in JSON: %j', async (audio) => {
    const answer = await ask('/video', audio)
    expect([answer.status, answer.json().issues?.[0]?.path]).toEqual([400, '$.audio'])
  })

  test.for(['/written', '/untyped'])('is what the schema says it is: %s', async (path) => {
    expect((await ask(path, 'false')).json().amountMsat).toBe(300_000)
    expect((await ask(path, false)).status).toBe(400)
  })

  test.for([
    [false, 300_000],
    [true, 400_000],
    ['auto', 350_000],
    [null, 300_000],
  ] as const)('and the values themselves have their price: %j', async ([audio, amountMsat]) => {
    expect((await ask('/video', audio)).json().amountMsat).toBe(amountMsat)
  })
})

test.for(['options.prompt', 'Options.prompt', 'options.prompt.text'])(
  'a key of JSON that spells the path to a priced field is refused: %s',
  async (name) => {
    const answer = await send(gateway, { path: '/form', body: { steps: 1, options: { prompt: 'a' }, [name]: 'long' } })
    expect([answer.status, answer.json().code]).toEqual([400, 'invalid_request'])
  },
)

describe('names that end in nearly what is left away at the end', () => {
  test.for(['_', '.', '[', ' '])(
    'are compared in a time that grows with their length and no faster: %j',
    async (filler) => {
      const long = Array.from({ length: 200 }, (_, at) => ({ name: `a${filler.repeat(1_900)}${at}`, value: '1' }))
      const request = formOf('/form', [{ name: 'steps', value: '1' }, ...long])
      await send(gateway, formOf('/form', [{ name: 'steps', value: '1' }]))
      const begunMs = performance.now()
      expect((await send(gateway, request)).status).toBe(402)
      expect(performance.now() - begunMs).toBeLessThan(400)
    },
  )
})

describe('a field of a form', () => {
  test.for([
    'application/octet-stream',
    'text/plain; charset=utf-16',
    'text/plain; charset=cp037',
    'application/json',
    'application/x-www-form-urlencoded',
    'multipart/mixed; boundary=x',
  ])('goes on as the text that it was priced as, and not as %s', async (type, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const request = formOf('/form', [
      { name: 'steps', value: '1', type },
      { name: 'note', value: 'abc', type },
      { name: 'about', value: '{"a":1}', type: 'application/json' },
    ])
    const { authorization } = await payFor(gateway, request)
    const answer = await send(gateway, { ...request, headers: { ...request.headers, ...authorization } })
    expect(answer.status).toBe(200)
    const body = upstream.calls.at(-1)?.body.toString() ?? ''
    expect(body).toContain('name="steps"\r\n\r\n1\r\n')
    expect(body).toContain('name="about"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n')
    expect(body.match(/Content-Type: .*/g)?.filter((line) => !line.endsWith('application/json'))).toEqual([])
  })

  test.for([
    '=?utf-8?Q?model?=',
    '[model]',
    '!model',
    'options.prompt',
    'Options.prompt',
    '[options][prompt]',
    'options[prompt',
  ])('under a name that other readers take for a priced one is refused: %s', async (name, context) => {
    tally(context, { kind: 'bodies', tried: 1 })
    const answer = await send(
      gateway,
      formOf('/form', [
        { name: 'steps', value: '1' },
        { name, value: 'high' },
      ]),
    )
    expect(answer.status).toBe(400)
  })
})
