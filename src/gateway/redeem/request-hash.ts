import { hash } from 'node:crypto'
import type { Binding } from '../../l402/caveats.ts'

/** What "the same request" is for the ledger: 64 hex digits over the service and everything a token is bound to. */
export function requestHash(service: string, binding: Binding): string {
  const { method, path, querySha256, bodyForm, bodySha256 } = binding
  return hash('sha256', [service, method, path, querySha256, bodyForm, bodySha256].join('\n'), 'hex')
}
