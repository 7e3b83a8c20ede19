export type InvoiceErrorCode =
  | 'too_long'
  | 'mixed_case'
  | 'malformed'
  | 'checksum'
  | 'unknown_network'
  | 'bad_amount'
  | 'truncated'
  | 'bad_field'
  | 'missing_field'
  | 'unknown_feature'
  | 'bad_signature'

/**
 * What encoding and decoding throw. It never carries the invoice: neither in the message nor as a cause, for the
 * message may be logged and an invoice must not be (the errors of @scure/base quote their input).
 */
export class InvoiceError extends Error {
  override readonly name = 'InvoiceError'
  readonly code: InvoiceErrorCode

  constructor(code: InvoiceErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
