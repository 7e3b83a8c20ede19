import { Agent } from 'undici'
import { attenuate } from './clients-attenuate.ts'
import type { Pay } from './clients-npm.ts'
import { type ChallengeParser, modelledParsers } from './clients-parsers.ts'

/** The clients that keep tokens, as they were seen to behave: none of their code. */
export interface CachingClient {
  readonly name: string
  /** What one token is kept for. */
  readonly key: (url: URL, method: string) => string
  readonly parser: ChallengeParser
  /** What a kept token that was answered with 402 is followed by: a request without it, or paying for that same 402. */
  readonly afterRejection: 'ask_again' | 'pay'
  /** Appends the preimage to the macaroon before sending it. */
  readonly addsPreimage: boolean
}

const { lnget, l402sdk, refined, l402Kit, fewsats, npmL402 } = modelledParsers

const firstTwoSegments = (path: string) => path.split('/').slice(0, 3).join('/')

export const cachingClients: readonly CachingClient[] = [
  {
    name: 'lnget, one token for each domain',
    key: (url) => url.host,
    parser: lnget,
    afterRejection: 'ask_again',
    addsPreimage: true,
  },
  {
    name: 'L402sdk, one for each URL',
    key: (url) => url.href,
    parser: l402sdk,
    afterRejection: 'ask_again',
    addsPreimage: false,
  },
  {
    name: 'l402-requests, one for each host name and two path segments',
    key: (url) => url.hostname + firstTwoSegments(url.pathname),
    parser: refined,
    afterRejection: 'pay',
    addsPreimage: false,
  },
  {
    name: 'l402 of npm, one for each host, path and method',
    key: (url, method) => `${method} ${url.hostname}${url.pathname}`,
    parser: npmL402,
    afterRejection: 'pay',
    addsPreimage: false,
  },
  {
    name: 'l402-kit, one for each origin and path',
    key: (url) => url.origin + url.pathname,
    parser: l402Kit,
    afterRejection: 'ask_again',
    addsPreimage: false,
  },
  {
    name: 'L402-python of Fewsats, one for each URL',
    key: (url) => url.href,
    parser: fewsats,
    afterRejection: 'pay',
    addsPreimage: false,
  },
]

export interface Asked {
  readonly url: string
  readonly method: string
  readonly body?: string
}

export interface Heard {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const agent = new Agent({ keepAliveTimeout: 10, keepAliveMaxTimeout: 10 })

async function request({ url, method, body }: Asked, authorization: string | undefined): Promise<Heard> {
  const { origin, pathname, search } = new URL(url)
  const answer = await agent.request({
    origin,
    path: pathname + search,
    method,
    headers: {
      ...(authorization !== undefined && { authorization }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body ?? null,
  })
  return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers }
}

/** A client with an empty memory. `seen` tells the status of every answer. */
export function openCache(client: CachingClient, pay: Pay, seen: (status: number) => void) {
  const kept = new Map<string, string>()
  const ask = async (asked: Asked, authorization?: string): Promise<Heard> => {
    const heard = await request(asked, authorization)
    seen(heard.status)
    return heard
  }
  return async (asked: Asked): Promise<Heard> => {
    const key = client.key(new URL(asked.url), asked.method)
    const credential = kept.get(key)
    let heard = await ask(asked, credential)
    if (heard.status !== 402) return heard
    kept.delete(key)
    if (credential !== undefined && client.afterRejection === 'ask_again') heard = await ask(asked)
    if (heard.status !== 402) return heard
    const header = heard.headers['www-authenticate'] ?? []
    const challenge = client.parser.read({ lines: [header].flat(), body: heard.text })
    if (!challenge) return heard
    const preimage = await pay(challenge.invoice)
    const token = client.addsPreimage ? attenuate(challenge.token, [`preimage=${preimage}`]) : challenge.token
    kept.set(key, `L402 ${token}:${preimage}`)
    return await ask(asked, kept.get(key))
  }
}
