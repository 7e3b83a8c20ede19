import { status } from '@grpc/grpc-js'
import { WalletError } from '../../ports/wallet.ts'
import { bakeCommand } from './rights.ts'

/** What grpc-js rejects a call with. */
export interface CallFailure extends Error {
  readonly code: status
  readonly details: string
}

export const isCallFailure = (thrown: unknown): thrown is CallFailure =>
  thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown

export const isUnknownInvoice = ({ code, details }: CallFailure): boolean =>
  code === status.NOT_FOUND || /unable to locate invoice|there are no existing invoices/i.test(details)

/** lnd has this one as code 2, not 6. */
export const isDuplicate = ({ details }: CallFailure): boolean =>
  /invoice with payment hash already exists/i.test(details)

/**
 * A failed call as the port says it. lnd gives most of its own failures code 2, so the text decides; that text is not
 * passed on, for it can quote what it was sent.
 */
export function toWalletError(address: string, failure: CallFailure): WalletError {
  const { code, details } = failure
  if (/macaroon|permission denied|verification failed/i.test(details) || isRefusal(code)) {
    return new WalletError(
      'unauthorized',
      `The lnd at ${address} refuses the macaroon: it is of another node, was revoked, or lacks a right; make one there with \`${bakeCommand}\`.`,
    )
  }
  const certificate = certificateProblem(details)
  if (certificate !== undefined) return new WalletError('protocol', certificate(address))
  if (/wallet (?:is )?locked|wallet not created/i.test(details)) {
    return new WalletError('unavailable', `The lnd at ${address} is locked; unlock it with \`lncli unlock\`.`)
  }
  if (/starting up|not yet ready/i.test(details)) {
    return new WalletError('unavailable', `The lnd at ${address} is still starting; try again when it is ready.`)
  }
  switch (code) {
    case status.UNAVAILABLE:
    case status.INTERNAL:
    case status.ABORTED:
      return new WalletError(
        'unavailable',
        `The lnd at ${address} cannot be reached; check that it runs and that this is the address of its gRPC.`,
      )
    case status.DEADLINE_EXCEEDED:
    case status.CANCELLED:
      return late(address)
    case status.RESOURCE_EXHAUSTED:
      return new WalletError('rate_limited', `The lnd at ${address} is asked too often; it answers again later.`)
    case status.UNIMPLEMENTED:
      return new WalletError('protocol', `What answers at ${address} is not the gRPC of lnd; check the address.`)
    default:
      return new WalletError('rejected', `The lnd at ${address} refuses the call (gRPC code ${code}).`)
  }
}

export const late = (address: string): WalletError =>
  new WalletError('timeout', `The lnd at ${address} did not answer in time.`)

const isRefusal = (code: status): boolean => code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED

function certificateProblem(details: string): ((address: string) => string) | undefined {
  if (/self-signed|unable to verify|unable to get (?:local )?issuer|certificate signature/i.test(details)) {
    return (address) =>
      `The lnd at ${address} shows another certificate than the configured one; copy its \`tls.cert\` again and name it in \`tls_cert_file\`.`
  }
  if (/altnames|ERR_TLS_CERT_ALTNAME/i.test(details)) {
    return (address) =>
      `The certificate of the lnd at ${address} is not for that host name; use a name that is in it, or add this one with \`tlsextradomain\` in its lnd.conf.`
  }
  if (/certificate has expired|CERT_HAS_EXPIRED/i.test(details)) {
    return (address) =>
      `The certificate of the lnd at ${address} has expired; delete its \`tls.cert\` and \`tls.key\`, restart it, and copy the new \`tls.cert\`.`
  }
  return undefined
}
