import { Sealer, type SealScope } from './seal.ts'

/** What is sealed apart from the result, and outlives the run that it was sealed in. */
export interface OnceScope {
  /** 64 hex digits. */
  readonly preimage: string
  /** 64 hex digits. */
  readonly paymentHash: string
  readonly purpose: Exclude<SealScope['purpose'], 'result'>
}

const saltBytes = 16
/** No run has this number, so the key depends on no epoch. */
const noEpoch = 0

/**
 * Seals one text under a key of its own: a salt that is drawn here and stands before what was sealed.
 * @param random a source of random bytes
 */
export function sealOnce(scope: OnceScope, plain: Uint8Array, random: (bytes: number) => Uint8Array): Buffer {
  const salt = random(saltBytes)
  const sealed = new Sealer({ ...scope, epoch: noEpoch, salt }).seal(0, true, plain)
  // Memory of its own, since it goes to another thread, which copies whatever the memory is part of.
  const out = Buffer.allocUnsafeSlow(saltBytes + sealed.length)
  out.set(salt)
  out.set(sealed, saltBytes)
  return out
}

/** @throws Error when it was not sealed for this payment and purpose, or was changed */
export function openOnce(scope: OnceScope, sealed: Uint8Array): Buffer {
  const sealer = new Sealer({ ...scope, epoch: noEpoch, salt: sealed.subarray(0, saltBytes) })
  return sealer.open(0, sealed.subarray(saltBytes)).plain
}
