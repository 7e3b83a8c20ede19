import { createRequire } from 'node:module'

/** What the tests use of npm `invoices`, which has no types. */
interface InvoicesLibrary {
  parsePaymentRequest(args: { request: string }): {
    readonly cltv_delta: number
    readonly created_at: string
    readonly description?: string
    readonly description_hash?: string
    readonly destination: string
    readonly expires_at: string
    readonly features: readonly { readonly bit: number; readonly is_required: boolean }[]
    readonly id: string
    readonly mtokens: string
    readonly network: string
    readonly payment: string
  }
  createUnsignedRequest(args: {
    cltv_delta: number
    created_at: string
    description?: string
    description_hash?: string
    expires_at: string
    features: readonly { bit: number }[]
    id: string
    mtokens: string
    network: string
    payment: string
  }): { readonly hash: string; readonly hrp: string; readonly tags: readonly number[] }
  createSignedRequest(args: { destination: string; hrp: string; signature: string; tags: readonly number[] }): {
    readonly request: string
  }
}

/** An implementation of BOLT 11 that is not ours: npm `invoices`, by the author of `lightning`. */
const require = createRequire(import.meta.url)

export const invoicesLibrary: InvoicesLibrary = require('invoices')
