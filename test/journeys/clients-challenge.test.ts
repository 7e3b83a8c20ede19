import { Agent } from 'undici'
import { describe, expect, test } from 'vitest'
import { allParsers, modelledParsers } from '../support/clients-parsers.ts'
import { openGateway } from '../support/gateway.ts'
import { openUpstream } from '../support/upstream.ts'

const token = 'AgEEbHNhdAJCAAA+/w=='
const a = (scheme: string, macaroon = token) => `${scheme} macaroon="${macaroon}", invoice="lnbcrt1"`
const bare = token.replaceAll('=', '')
const urlSafe = (text: string) => text.replaceAll('+', '-').replaceAll('/', '_')
const payment = 'Payment id="x", method="lightning", request="eyJ9"'
const tokenOnly = `L402 version="0", token="${token}", invoice="lnbcrt1"`
const challengeOnly = `L402 macaroon="${token}", invoice="lnbcrt1", version="0", token="${token}"`

const clients = ['lnget', 'aperture', 'l402sdk', 'npmL402', 'refined', 'bolthub', 'fewsats'] as const

/** Form of challenge, and which clients (in the order above) were seen to pay for it: `+` and `-`. */
const measured: readonly (readonly [string, readonly string[], string])[] = [
  ['A: macaroon, invoice', [a('L402')], '+++++++'],
  ['B: version, token, invoice', [tokenOnly], '-----+-'],
  ['C: macaroon, invoice, version, token', [challengeOnly], '+++++++'],
  ['D: version, token, macaroon, invoice', [`L402 version="0", token="${token}", ${a('').trim()}`], '--++-++'],
  ['E: token, macaroon, invoice', [`L402 token="${token}", ${a('').trim()}`], '--++-++'],
  ['F: LSAT line, then L402 line', [a('LSAT'), a('L402')], '+++++++'],
  ['G: L402 line, then LSAT line', [a('L402'), a('LSAT')], '+++++++'],
  ['R: LSAT line, then C', [a('LSAT'), challengeOnly], '+++++++'],
  ['I: LSAT and L402 in one line', [`${a('LSAT')}, ${a('L402')}`], '+++++++'],
  ['line A, then line B', [a('L402'), tokenOnly], '+++++++'],
  ['line B, then line A', [tokenOnly, a('L402')], '-+-++++'],
  ['H: unquoted values', [`L402 macaroon=${token}, invoice=lnbcrt1`], '--+-+--'],
  ['L: the scheme in lower case', [a('l402')], '+---+++'],
  ['no space after the comma', [a('L402').replace(', ', ',')], '+-++++-'],
  ['the invoice before the macaroon', [`L402 invoice="lnbcrt1", macaroon="${token}"`], '--++-++'],
  ['a realm first', [`L402 realm="x", ${a('').trim()}`], '--++-++'],
  ['a URL-safe token without padding', [a('L402', urlSafe(bare))], '+-+++++'],
  ['a URL-safe token with padding', [a('L402', urlSafe(token))], '--+++++'],
  ['a Payment line before it', [payment, a('L402')], '-++-+++'],
  ['a Payment line after it', [a('L402'), payment], '+++++++'],
]

describe('the models of the clients pay for what the clients were seen to pay for', () => {
  test.for(measured)('%s', ([, lines, expected]) => {
    const outcome = clients.map((name) => {
      const read = modelledParsers[name].read({ lines, body: '{}' })
      // A token that is cut wrongly is paid for in vain.
      return read !== undefined && urlSafe(read.token).startsWith(urlSafe(bare)) && !read.token.includes(',')
        ? '+'
        : '-'
    })
    expect(outcome.join('')).toBe(expected)
  })
})

const agent = new Agent({ keepAliveTimeout: 10, keepAliveMaxTimeout: 10 })

async function challengeOf(url: string): Promise<{ lines: string[]; body: string }> {
  const answer = await agent.request({ origin: url, path: '/make', method: 'GET', responseHeaders: 'raw' })
  const raw = answer.headers as unknown as readonly Uint8Array[]
  const texts = raw.map((each) => Buffer.from(each).toString())
  const lines = texts.filter((_, at) => at % 2 === 1 && texts[at - 1]?.toLowerCase() === 'www-authenticate')
  return { lines, body: await answer.body.text() }
}

const sells = (upstream: string, legacyLsat: boolean) => `
l402: { legacy_lsat: ${legacyLsat} }
services:
  GET /make:
    name: make
    upstream: ${upstream}
    price: { flat: 7 }
`

describe.for([
  ['one L402 line', false, 1],
  ['an LSAT line before it', true, 2],
] as const)('a challenge of %s', ([, legacyLsat, lineCount]) => {
  test('is read by every client, and all of them read the same', async () => {
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: sells(upstream.url, legacyLsat) })
    const received = await challengeOf(gateway.url)
    expect(received.lines).toHaveLength(lineCount)
    const body = JSON.parse(received.body) as { token: string; invoice: string }
    const expected = { token: body.token, invoice: body.invoice }
    expect(received.lines.at(-1)).toBe(
      `L402 macaroon="${body.token}", invoice="${body.invoice}", version="0", token="${body.token}"`,
    )
    expect(received.lines.slice(0, -1)).toEqual(
      legacyLsat ? [`LSAT macaroon="${body.token}", invoice="${body.invoice}"`] : [],
    )
    expect(allParsers.map(({ client, read }) => [client, read(received)])).toEqual(
      allParsers.map(({ client }) => [client, expected]),
    )
  })
})
