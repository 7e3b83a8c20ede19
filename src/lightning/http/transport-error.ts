import { WalletError } from '../../ports/wallet.ts'

/** What may be said of the other side in a message. */
export interface Endpoint {
  readonly service: string
  /** `host[:port]`, never a path: paths can hold secrets. */
  readonly host: string
  readonly secure: boolean
}

const notHttp = 'HTTPParserError'
const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
])

/**
 * Says in one sentence, with the fix, why an exchange failed below HTTP.
 * @param signal that of the call; when it has aborted, the failure is its deadline
 */
export function transportError(endpoint: Endpoint, thrown: unknown, signal: AbortSignal): WalletError {
  if (thrown instanceof WalletError) return thrown
  const { service, host } = endpoint
  if (signal.aborted) {
    return new WalletError('timeout', `${service} at ${host} did not answer in time.`, { cause: signal.reason })
  }
  const code = codeOf(thrown)
  const unavailable = (message: string) => new WalletError('unavailable', message, { cause: thrown })
  // What no waiting mends.
  const rejected = (message: string) => new WalletError('rejected', message, { cause: thrown })
  if (untrusted.has(code)) {
    return rejected(
      `The certificate of ${service} at ${host} is not signed by a trusted authority; give the certificate of its authority as ca_file.`,
    )
  }
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return rejected(
        `The certificate of ${service} at ${host} is for another host name; use a name that stands in the certificate in url.`,
      )
    case 'CERT_HAS_EXPIRED':
      return rejected(`The certificate of ${service} at ${host} has expired; renew it.`)
    case 'CERT_NOT_YET_VALID':
      return rejected(`The certificate of ${service} at ${host} is not valid yet; check the clocks of both machines.`)
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return rejected(`${service} at ${host} does not speak TLS there; write http:// in url, or correct the port.`)
    case 'ECONNREFUSED':
      return unavailable(`Nothing listens at ${host}; start ${service} or correct its url.`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return unavailable(`The host name of ${service} at ${host} cannot be resolved; correct its url.`)
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return unavailable(`${service} at ${host} cannot be reached; check its url and the network between.`)
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return unavailable(
        `${service} at ${host} closed the connection before it answered${endpoint.secure ? '' : '; if it speaks TLS there, write https:// in url'}.`,
      )
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return unavailable(`The connection to ${service} is closed.`)
    default:
      break
  }
  if (code === notHttp || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'UND_ERR_HEADERS_OVERFLOW') {
    return new WalletError('protocol', `What answers at ${host} does not speak HTTP; correct the url of ${service}.`)
  }
  return unavailable(`${service} at ${host} cannot be reached (${code || 'unknown reason'}).`)
}

/** The code of an error or of what it was caused by; happy eyeballs wraps several in one. */
function codeOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return ''
  // undici gives it no code of its own in some cases.
  if (thrown instanceof Error && thrown.name === 'HTTPParserError') return notHttp
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0])
  return 'cause' in thrown ? codeOf(thrown.cause) : ''
}
