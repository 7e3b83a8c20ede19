import { afterAll, describe, expect, test } from 'vitest'
import { type Sent, send } from '../../support/buyer.ts'
import { type Endpoint, endpoints, seedBody, seedCommands, seedJson } from './seed-commands.ts'
import { offer, openShop, outcomeOf, refusal, request } from './shop.ts'

const shop = await openShop()
afterAll(() => shop[Symbol.asyncDispose]())

const seedPrices = {
  'voice-clone': { sats: 7500, inputs: {} },
  'generate-music': { sats: 300, inputs: {} },
  music: { sats: 200, inputs: {} },
  'generate-text': { sats: 15, inputs: { modelId: 'best' } },
  'generate-video': { sats: 2250, inputs: { mode: 'pro', generate_audio: 'false' } },
} satisfies Record<Endpoint, object>

const raw = (endpoint: Endpoint, body: string | Uint8Array, contentType?: string | string[]): Sent => ({
  method: 'POST',
  path: seedCommands[endpoint].path,
  body,
  ...(contentType !== undefined && { headers: { 'content-type': contentType } }),
})
const each = <Row extends object>(rows: readonly Row[]) =>
  endpoints.flatMap((endpoint) => rows.map((row) => ({ endpoint, ...row })))

describe('a service is sold to POST only', () => {
  const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method }))
  test.for(each(methods))('$method on $endpoint is answered 405 with what is allowed', async ({ endpoint, method }) => {
    const asked = shop.gateway.wallet.asked.length
    const answer = await send(shop.gateway, { method, path: seedCommands[endpoint].path })
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS'])
    expect(answer.headers).not.toHaveProperty('www-authenticate')
    expect(method === 'HEAD' ? answer.text : answer.json().code).toBe(method === 'HEAD' ? '' : 'method_not_allowed')
    expect(shop.gateway.wallet.asked).toHaveLength(asked)
  })

  test.for(each([{}]))('OPTIONS on $endpoint costs nothing and names POST', async ({ endpoint }) => {
    const asked = shop.gateway.wallet.asked.length
    const answer = await send(shop.gateway, { method: 'OPTIONS', path: seedCommands[endpoint].path })
    expect([answer.status, answer.headers.allow]).toEqual([204, 'POST, OPTIONS'])
    expect(shop.gateway.wallet.asked).toHaveLength(asked)
  })
})

describe('the body is JSON by its media type', () => {
  const taken = [
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'Application/JSON',
    'application/json; profile=x',
  ].map((contentType) => ({ contentType }))
  test.for(each(taken))('$endpoint takes `$contentType`', async ({ endpoint, contentType }) => {
    const { sats, inputs } = seedPrices[endpoint]
    expect(await outcomeOf(shop, raw(endpoint, seedJson(endpoint), contentType))).toEqual(offer(sats, inputs))
  })

  const refused: readonly { what: string; contentType?: string | string[] }[] = [
    { what: 'no media type' },
    { what: 'text', contentType: 'text/plain' },
    { what: 'what curl sends by itself', contentType: 'application/x-www-form-urlencoded' },
    { what: 'a form', contentType: 'multipart/form-data; boundary=x' },
    { what: 'JSON of another kind', contentType: 'application/problem+json' },
    { what: 'JSON in UTF-16', contentType: 'application/json; charset=utf-16' },
    { what: 'two media types', contentType: ['application/json', 'text/plain'] },
    { what: 'no media type that can be read', contentType: 'json' },
    { what: 'a parameter that cannot be read', contentType: 'application/json; charset' },
  ]
  test.for(each(refused))('$endpoint refuses $what', async ({ endpoint, contentType }) => {
    const wrongType = { status: 415, code: 'unsupported_media_type' }
    expect(await outcomeOf(shop, raw(endpoint, seedJson(endpoint), contentType))).toEqual(refusal(wrongType))
  })

  test('a compressed body is refused', async () => {
    const sent = request('generate-video', seedBody('generate-video'))
    const wrongType = { status: 415, code: 'unsupported_media_type' }
    expect(await outcomeOf(shop, { ...sent, headers: { 'content-encoding': 'gzip' } })).toEqual(refusal(wrongType))
  })
})

describe('the body is one JSON object that every reader reads alike', () => {
  const notAnObject = ['[]', '"text"', 'null', '42', 'true'].map((json) => ({ json }))
  test.for(each(notAnObject))('$endpoint refuses $json', async ({ endpoint, json }) => {
    expect(await outcomeOf(shop, request(endpoint, json))).toEqual(refusal({ at: ['$'] }))
  })

  const bad: readonly { what: string; json: string | Uint8Array; at?: string }[] = [
    { what: 'text', json: 'prompt=x' },
    { what: 'an object cut short', json: '{"prompt":"x"', at: '$' },
    { what: 'a value cut short', json: '{"prompt":', at: '$.prompt' },
    { what: 'a comma too many', json: '{"prompt":"x",}', at: '$' },
    { what: 'single quotes', json: "{'prompt':'x'}", at: '$' },
    { what: 'a comment', json: '{/* x */"prompt":"x"}', at: '$' },
    { what: 'two objects', json: '{"prompt":"x"}{"prompt":"x"}', at: '$' },
    { what: 'a byte order mark', json: '\ufeff{"prompt":"x"}', at: '$' },
    { what: 'the same key twice', json: '{"prompt":"x","prompt":"y"}', at: '$' },
    { what: 'the same key twice, with the same value', json: '{"prompt":"x","prompt":"x"}', at: '$' },
    { what: 'the same key in two spellings', json: String.raw`{"prompt":"x","\u0070rompt":"y"}`, at: '$' },
    { what: 'the same key twice further in', json: '{"input":[{"role":"User","role":"User"}]}', at: '$.input[0]' },
    { what: 'half of a surrogate pair', json: String.raw`{"prompt":"\ud83d"}`, at: '$.prompt' },
    { what: 'a bare line break in a string', json: '{"prompt":"a\nb"}', at: '$.prompt' },
    { what: 'NaN', json: '{"prompt":NaN}', at: '$.prompt' },
    { what: 'a number that begins with 0', json: '{"prompt":05}', at: '$' },
    { what: 'bytes that are not UTF-8', json: Buffer.from('{"prompt":"\xff"}', 'latin1') },
  ]
  test.for(each(bad))('$endpoint refuses $what', async ({ endpoint, json, at }) => {
    expect(await outcomeOf(shop, raw(endpoint, json, 'application/json'))).toEqual(
      refusal({
        code: 'bad_json',
        at: typeof json === 'string' ? [at ?? '$'] : undefined,
      }),
    )
  })

  test.for(each([{}]))('$endpoint refuses an empty body', async ({ endpoint }) => {
    expect(await outcomeOf(shop, raw(endpoint, '', 'application/json'))).toEqual(refusal({ code: 'bad_json' }))
  })

  test('nesting without end is refused', async () => {
    const deep = `{"prompt":${'['.repeat(5000)}${']'.repeat(5000)}}`
    const answer = await send(shop.gateway, request('generate-video', deep))
    expect([answer.status, answer.json().code]).toEqual([400, 'bad_json'])
  })

  test('white space around it is not refused', async () => {
    const { sats, inputs } = seedPrices['generate-video']
    expect(await outcomeOf(shop, request('generate-video', `\r\n\t ${seedJson('generate-video')} \n`))).toEqual(
      offer(sats, inputs),
    )
  })
})

describe('a field that a service does not know is refused, not passed on unpriced', () => {
  const unknown = ['stream', 'n', 'webhook_url', '__proto__', 'constructor', 'toString'].map((field) => ({ field }))
  test.for(each(unknown))('$endpoint refuses $field', async ({ endpoint, field }) => {
    const json = `{"${field}":1,${seedJson(endpoint).slice(1)}`
    expect(await outcomeOf(shop, request(endpoint, json))).toEqual(refusal({ at: [`$.${field}`] }))
  })

  test.for(each([{}]))('$endpoint refuses a field of its own in another case', async ({ endpoint }) => {
    const [first = ''] = Object.keys(seedBody(endpoint))
    const json = `{"${first.toUpperCase()}":"x",${seedJson(endpoint).slice(1)}`
    expect(await outcomeOf(shop, request(endpoint, json))).toEqual(refusal({ at: [`$.${first.toUpperCase()}`] }))
  })
})

describe('an invoice is over the price to the millisatoshi', () => {
  const text = (count: number, modelId: string) => ({ input: [{ role: 'User', content: 'x'.repeat(count) }], modelId })
  const film = (duration: number, mode: string, audio: boolean) => ({
    prompt: 'a cat',
    duration,
    mode,
    generate_audio: audio,
  })
  test.for([
    ['generate-text', text(1, 'budget'), '40n'],
    ['generate-text', text(1, 'standard'), '50n'],
    ['generate-text', text(1, 'best'), '150n'],
    ['generate-text', text(1501, 'best'), '160n'],
    ['generate-music', { prompt: 'x' }, '3u'],
    ['generate-video', film(3, 'standard', false), '9u'],
    ['generate-video', film(5, 'pro', false), '22500n'],
    ['generate-video', film(5, 'pro', true), '27500n'],
    ['voice-clone', { voice_file: 'https://example.com/a.mp3' }, '75u'],
    ['generate-video', film(15, 'pro', true), '82500n'],
  ] as const)('%s %j is lnbcrt%s', async ([endpoint, body, amount]) => {
    const answer = await send(shop.gateway, request(endpoint, body))
    expect(answer.headers['www-authenticate']).toMatch(
      new RegExp(`^L402 macaroon="[A-Za-z0-9+/=]+", invoice="lnbcrt${amount}1[a-z0-9]+", version="0", token="`),
    )
  })
})
