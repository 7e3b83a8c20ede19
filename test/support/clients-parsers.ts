import { parseL402 } from '@getalby/lightning-tools'
import { Lsat } from 'lsat-js'

/** What a 402 says, as a client's HTTP library hands it over. */
export interface Received402 {
  /** `WWW-Authenticate`, line by line. */
  readonly lines: readonly string[]
  readonly body: string
}

export interface ReadChallenge {
  readonly token: string
  readonly invoice: string
}

/** How one client finds the challenge; undefined when it finds none and does not pay. */
export interface ChallengeParser {
  readonly client: string
  readonly read: (received: Received402) => ReadChallenge | undefined
}

// Models of what each client was seen to accept (none of their code): what makes a difference is the order and the
// number of spaces, the quotes, the case of the scheme, the flavour of base64 and whether all header lines are seen.

const found = (token: string | undefined, invoice: string | undefined): ReadChallenge | undefined =>
  token !== undefined && invoice !== undefined ? { token, invoice } : undefined

const standard = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const urlSafeBare = /^[A-Za-z0-9_-]+$/

/** Go's `Get` gives the first line only; standard base64, or URL-safe without padding. */
const lnget: ChallengeParser = {
  client: 'lnget',
  read({ lines: [first = ''] }) {
    const [, token = '', invoice] = /^(?:L402|LSAT)\s+macaroon="([^"]+)",\s*invoice="([^"]+)"/i.exec(first) ?? []
    const known = standard.test(token) || (token.length % 4 !== 0 && urlSafeBare.test(token))
    return known ? found(token, invoice) : undefined
  },
}

/** Any line; upper case, exactly one space, standard base64. */
const aperture: ChallengeParser = {
  client: 'the client of Aperture',
  read({ lines }) {
    for (const line of lines) {
      const [, token = '', invoice] = /(?:L402|LSAT) macaroon="(.*?)", invoice="(.*?)"/.exec(line) ?? []
      if (invoice !== undefined) return standard.test(token) ? { token, invoice } : undefined
    }
    return undefined
  },
}

/** The first line with a scheme in upper case; parameters in any order, quoted or not. */
const l402sdk: ChallengeParser = {
  client: 'L402sdk',
  read({ lines }) {
    const line = lines.find((each) => /^(?:L402|LSAT) /.test(each)) ?? ''
    const value = (name: string) => new RegExp(`[ ,]${name}="?([^",]+)`).exec(line)?.[1]
    return found(value('macaroon'), value('invoice'))
  },
}

/** All lines joined; `macaroon` and then `invoice` right after the scheme. */
const refined: ChallengeParser = {
  client: 'l402-requests and l402-ts of refined-element',
  read({ lines }) {
    const pattern = /(?:L402|LSAT)\s+macaroon="?([^",\s]+)"?\s*,\s*invoice="?([^",\s]+)"?/i
    const [, token, invoice] = pattern.exec(lines.join(', ')) ?? []
    return found(token, invoice)
  },
}

/** All lines joined; quoted parameters anywhere, `token` as good as `macaroon`. */
const bolthub: ChallengeParser = {
  client: '@bolthub/pay',
  read({ lines }) {
    const header = lines.join(', ')
    const value = (name: string) => new RegExp(`\\b${name}="([^"]+)"`).exec(header)?.[1]
    return /\b(?:L402|LSAT)\b/i.test(header) ? found(value('macaroon') ?? value('token'), value('invoice')) : undefined
  },
}

/** All lines joined; takes everything up to the last quote before a space. */
const fewsats: ChallengeParser = {
  client: 'L402-python of Fewsats',
  read({ lines }) {
    const value = (name: string) => new RegExp(`\\b${name}="(\\S+)"`).exec(lines.join(', '))?.[1]
    return found(value('macaroon'), value('invoice'))
  },
}

/** Reads the JSON body and no header. */
const l402Kit: ChallengeParser = {
  client: 'l402-kit',
  read({ body }) {
    const { macaroon, invoice, priceSats } = JSON.parse(body) as Record<string, unknown>
    if (typeof macaroon !== 'string' || typeof invoice !== 'string' || typeof priceSats !== 'number') return undefined
    return { token: macaroon, invoice }
  },
}

/** `l402` of npm: the scheme at the very beginning, or it sends a credential without one. */
const npmL402: ChallengeParser = {
  client: 'l402 of npm',
  read({ lines }) {
    const header = lines.join(', ')
    const token = /macaroon="([\w+/=-]+)"/.exec(header)?.[1]
    const invoice = /invoice="(\w+)"/.exec(header)?.[1]
    return /^(?:L402|LSAT)/.test(header) ? found(token, invoice) : undefined
  },
}

export const modelledParsers = { lnget, aperture, l402sdk, npmL402, refined, bolthub, fewsats, l402Kit }

/** The parsers themselves, where the package exports them. */
const installedParsers: readonly ChallengeParser[] = [
  {
    client: '@getalby/lightning-tools itself',
    read({ lines }) {
      const { token, invoice } = parseL402(lines.join(', '))
      return { token, invoice }
    },
  },
  {
    client: 'lsat-js itself',
    read({ lines }) {
      const { baseMacaroon, invoice } = Lsat.fromHeader(lines.join(', '))
      return { token: baseMacaroon, invoice }
    },
  },
]

export const allParsers: readonly ChallengeParser[] = [...Object.values(modelledParsers), ...installedParsers]
