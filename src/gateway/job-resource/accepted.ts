import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { PaymentRecord } from '../../ports/ledger.ts'
import type { Gateway } from '../gateway.ts'
import type { Preferences } from '../request/prefer.ts'
import { commonHeaders, ownHeaders, writeHead } from '../respond.ts'
import type { RequestScope } from '../scope.ts'
import { describeJob, type JobDocument } from './status.ts'

/** 202: the work is under way and its buyer need not stay (RFC 7240, section 4.1). */
export async function sendAccepted(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  paymentHash: string,
  { waitMs }: Preferences,
): Promise<void> {
  const record = await gateway.ledger.read(paymentHash)
  if (!record) throw new Error('a job runs without a row')
  const document = describeJob(gateway.settings, runningFacts(record, gateway.clock.nowMs()))
  sendDocument(incoming, outgoing, scope, 202, document, {
    location: document.links.self,
    'preference-applied': waitMs > 0 ? `respond-async, wait=${waitMs / 1000}` : 'respond-async',
  })
}

/** The job runs, whatever the row that was read a moment ago says. */
export const runningFacts = (record: PaymentRecord, nowMs: number) =>
  ({ record, situation: { kind: 'claim' }, running: true, canGoOn: true, nowMs }) as const

export function sendDocument(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
  status: number,
  document: JobDocument,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = `${JSON.stringify(document)}\n`
  writeHead(incoming, outgoing, status, {
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'private, no-store',
    ...(document.retryAfterSeconds !== undefined && { 'retry-after': String(document.retryAfterSeconds) }),
    ...ownHeaders,
    ...commonHeaders(scope, document.payment.status),
  })
  outgoing.end(incoming.method === 'HEAD' ? undefined : text)
}
