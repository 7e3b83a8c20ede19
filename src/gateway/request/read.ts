import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Contract } from '../../catalog/service.ts'
import { GatewayError } from '../../errors.ts'
import type { Binding } from '../../l402/caveats.ts'
import type { ClientFacts } from '../../ports/upstream.ts'
import type { BodyAllowance } from '../limits/unpaid-body.ts'
import type { RequestScope } from '../scope.ts'
import { readBody } from './body.ts'
import { clientFacts, headerLines } from './headers.ts'
import { readMediaType } from './media-type.ts'
import { checkBoundary, hashMultipart } from './multipart.ts'
import { checkMediaType, type RequestParts } from './prepare.ts'
import type { ReadingTurns } from './reading-turns.ts'
import type { Target } from './target.ts'

/** A request read whole, with everything a token is bound by. */
export interface WholeRequest {
  readonly target: Target
  readonly method: string
  readonly binding: Binding
  readonly parts: Omit<RequestParts, 'params'>
  readonly client: ClientFacts
  /** Names a payment in logs: 16 hex digits that are not its hash. */
  paymentRef(paymentHash: string): string
}

export interface BodyLimits {
  readonly maxBytes: number
  readonly contract: Contract
  /** Undefined for a body that belongs to a payment. */
  readonly allowance: BodyAllowance | undefined
  readonly turns: ReadingTurns
}

/**
 * Reads the body under the limits of the service that the request or its token belongs to.
 * @throws GatewayError for a body that cannot be taken
 */
export async function readRequest(
  scope: RequestScope,
  incoming: IncomingMessage,
  target: Target,
  { maxBytes, contract, allowance, turns }: BodyLimits,
): Promise<WholeRequest> {
  const method = incoming.method ?? 'GET'
  const encoding = incoming.headers['content-encoding']
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new GatewayError('unsupported_media_type', 'send the body without Content-Encoding')
  }
  const mediaType = readMediaType(headerLines(incoming, 'content-type'))
  checkMediaType(contract.body, mediaType)
  const body = await scope.wait(readBody(incoming, contract.body.kind === 'none' ? 0 : maxBytes, turns, allowance))
  const isForm = mediaType.essence === 'multipart/form-data'
  const binding: Binding = {
    method: method === 'HEAD' ? 'GET' : method,
    path: target.path,
    querySha256: hash('sha256', target.query, 'hex'),
    bodyForm: isForm ? 'multipart' : 'raw',
    bodySha256: isForm ? hashMultipart(body.bytes, checkBoundary(mediaType.parameters.get('boundary'))) : body.sha256,
  }
  return {
    target,
    method,
    binding,
    parts: { query: target.query, mediaType, body: body.bytes },
    client: clientFacts(incoming, target, scope.clientAddress),
    paymentRef: (paymentHash) => hash('sha256', Buffer.from(paymentHash, 'hex'), 'hex').slice(0, 16),
  }
}
