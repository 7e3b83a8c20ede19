import { oracle } from '../l402/oracle.ts'
import { caveat, field, fields, writeMacaroon } from '../l402/wire.ts'

/**
 * Appends caveats to a token and writes it anew, as lnget and Aperture's client do with `preimage=`. The signature is that
 * of npm `macaroon`, which cannot write so many caveats; the bytes are put together here.
 * @returns standard base64 with padding
 */
export function attenuate(token: string, added: readonly string[]): string {
  const macaroon = oracle.importMacaroon(token)
  for (const each of added) macaroon.addFirstPartyCaveat(each)
  const bytes = writeMacaroon({
    location: field(fields.location, macaroon.location),
    identifier: Buffer.concat([field(fields.identifier, macaroon.identifier), Buffer.from([fields.end])]),
    caveats: macaroon.caveats.map(({ identifier }) => caveat(identifier)),
    signature: field(fields.signature, macaroon.signature),
  })
  return Buffer.from(bytes).toString('base64')
}

/** The token with its last caveat taken off and the signature left as it is. */
export function strip(token: string): string {
  const macaroon = oracle.importMacaroon(token)
  const bytes = writeMacaroon({
    identifier: Buffer.concat([field(fields.identifier, macaroon.identifier), Buffer.from([fields.end])]),
    caveats: macaroon.caveats.slice(0, -1).map(({ identifier }) => caveat(identifier)),
    signature: field(fields.signature, macaroon.signature),
  })
  return Buffer.from(bytes).toString('base64')
}

export const caveatsOf = (token: string): string[] =>
  oracle.importMacaroon(token).caveats.map(({ identifier }) => Buffer.from(identifier).toString())
