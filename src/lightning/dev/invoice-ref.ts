import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'

/** What tells an open invoice of the development wallet from an expired or foreign one, as nothing is stored of it. */
export interface InvoiceRef {
  /** 16 bytes. */
  readonly nonce: Uint8Array
  /** Unix seconds. */
  readonly expiresAt: number
}

const refText = /^([0-9a-f]{32})@([0-9]{1,12})$/

/** `<nonce as hex>@<unix seconds>`. No secret: the nonce stands in the invoice too. */
export function encodeInvoiceRef({ nonce, expiresAt }: InvoiceRef): string {
  return `${bytesToHex(nonce)}@${expiresAt}`
}

/** @returns undefined when the text is something else, such as a bare payment hash */
export function decodeInvoiceRef(text: string): InvoiceRef | undefined {
  const [, nonce, expiresAt] = refText.exec(text) ?? []
  if (nonce === undefined || expiresAt === undefined) return undefined
  return { nonce: hexToBytes(nonce), expiresAt: Number(expiresAt) }
}
