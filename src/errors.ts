/**
 * The error catalogue: every answer that is not a result has one of these codes. A code never changes its meaning;
 * clients match on it. `money` and `action` are what the answer says about the buyer's payment unless the place that
 * throws knows better.
 */

/** What became of the buyer's money: the value of `L402-Payment` and of `payment.status`. */
export type MoneyStatus =
  | 'required'
  | 'unspent'
  | 'in-progress'
  | 'held'
  | 'spent'
  | 'replayed'
  | 'refundable'
  | 'refunded'
  | 'not-charged'

/** What the buyer should do with the payment next: `payment.action`. */
export type MoneyAction =
  | 'pay'
  | 'none'
  | 'resend_original'
  | 'retry_same_token'
  | 'use_for_another_request'
  | 'contact_seller'

interface CatalogueEntry {
  readonly status: number
  readonly title: string
  readonly money: MoneyStatus
  readonly action: MoneyAction
}

const entry = (status: number, title: string, money: MoneyStatus, action: MoneyAction): CatalogueEntry => ({
  status,
  title,
  money,
  action,
})

/** code → HTTP status, title, and the default word on the payment. */
export const errorCatalogue = {
  bad_target: entry(400, 'The request target is not one this gateway accepts', 'not-charged', 'none'),
  target_too_long: entry(414, 'The path is too long', 'not-charged', 'none'),
  bad_header: entry(400, 'A request header cannot be accepted', 'not-charged', 'none'),
  conflicting_credentials: entry(400, 'The request carries two different payments', 'not-charged', 'none'),
  bad_body: entry(400, 'The request body cannot be read', 'not-charged', 'none'),
  bad_json: entry(400, 'The body is not acceptable JSON', 'not-charged', 'none'),
  bad_multipart: entry(400, 'The body is not acceptable multipart/form-data', 'not-charged', 'none'),
  invalid_request: entry(400, 'The request does not match what this service sells', 'not-charged', 'none'),
  not_found: entry(404, 'Nothing is offered at this path', 'not-charged', 'none'),
  method_not_allowed: entry(405, 'This method is not offered here', 'not-charged', 'none'),
  body_timeout: entry(408, 'The request body did not arrive in time', 'not-charged', 'none'),
  length_required: entry(411, 'The body needs a length', 'not-charged', 'none'),
  body_too_large: entry(413, 'The request body is too large', 'not-charged', 'none'),
  unsupported_media_type: entry(415, 'This media type is not accepted here', 'not-charged', 'none'),
  client_refused: entry(403, 'This address is not served here', 'unspent', 'none'),
  rate_limited: entry(429, 'Too many requests', 'not-charged', 'none'),

  job_unauthorized: entry(401, 'The job is shown to who paid for it', 'not-charged', 'none'),
  job_forbidden: entry(403, 'A condition added to the token does not hold', 'not-charged', 'none'),
  job_not_found: entry(404, 'There is no such job for this payment', 'not-charged', 'none'),
  job_unfinished: entry(409, 'The job is not finished', 'in-progress', 'none'),
  job_needs_request: entry(409, 'The job goes on when its request is sent again', 'unspent', 'resend_original'),
  job_cancelled: entry(410, 'The payment was cancelled and not taken', 'not-charged', 'none'),
  range_not_satisfiable: entry(416, 'The result has no such range', 'spent', 'none'),

  payment_required: entry(402, 'Payment Required', 'required', 'pay'),
  malformed_credential: entry(402, 'The credential cannot be read', 'required', 'pay'),
  unknown_token: entry(402, 'The token was not issued here', 'required', 'pay'),
  wrong_preimage: entry(402, 'The preimage does not belong to the token', 'required', 'pay'),
  wrong_service: entry(402, 'The token was sold for another service', 'required', 'pay'),
  token_refused: entry(402, 'A condition added to the token does not hold', 'required', 'pay'),
  token_expired: entry(402, 'The token has expired', 'required', 'pay'),
  token_in_use: entry(402, 'The token is in use for another request', 'required', 'pay'),
  token_spent: entry(402, 'The token has been spent', 'required', 'pay'),
  token_for_other_request: entry(402, 'The token was sold for another request', 'required', 'pay'),
  price_above_paid: entry(402, 'The request costs more than was paid', 'required', 'pay'),
  new_purchase: entry(402, 'A new purchase was asked for', 'required', 'pay'),
  payment_cancelled: entry(402, 'The payment was cancelled and not taken', 'required', 'pay'),

  token_revoked: entry(403, 'The token has been revoked', 'refundable', 'contact_seller'),
  request_mismatch: entry(409, 'The token was sold for a different request', 'unspent', 'resend_original'),
  head_never_claims: entry(409, 'HEAD does not spend a token', 'unspent', 'retry_same_token'),
  result_expired: entry(410, 'The stored result has expired', 'spent', 'none'),
  refund_due: entry(410, 'The payment can no longer be used and is due for a refund', 'refundable', 'contact_seller'),
  refunded: entry(410, 'The payment has been refunded', 'refunded', 'none'),

  upstream_unreachable: entry(502, 'The service could not be reached', 'unspent', 'retry_same_token'),
  upstream_failed: entry(502, 'The service failed', 'unspent', 'retry_same_token'),
  upstream_answer_refused: entry(502, 'The service gave an answer that is not a result', 'unspent', 'retry_same_token'),
  upstream_cut_short: entry(502, 'The answer of the service broke off', 'unspent', 'retry_same_token'),
  result_too_large: entry(502, 'The result is larger than this service may deliver', 'unspent', 'retry_same_token'),
  result_mismatch: entry(502, 'The result is not what this service promises', 'unspent', 'retry_same_token'),
  given_up: entry(502, 'The service failed too often for this payment', 'refundable', 'contact_seller'),
  upstream_busy: entry(503, 'The service is busy', 'unspent', 'retry_same_token'),
  upstream_down: entry(503, 'The service is down and sells nothing now', 'unspent', 'retry_same_token'),
  websockets_full: entry(503, 'Too many WebSockets are open now', 'not-charged', 'none'),
  holds_full: entry(503, 'Too many payments are held now', 'not-charged', 'none'),
  wallet_unavailable: entry(503, 'No invoice can be made now', 'not-charged', 'none'),
  ledger_unavailable: entry(503, 'The ledger cannot be written now', 'unspent', 'retry_same_token'),
  disk_short: entry(503, 'There is no room to store a result now', 'unspent', 'retry_same_token'),
  settlement_pending: entry(503, 'The wallet has not seen the payment yet', 'unspent', 'retry_same_token'),
  unknown_key: entry(503, 'The token cannot be verified now', 'unspent', 'retry_same_token'),
  not_ready: entry(503, 'The gateway is not ready', 'not-charged', 'none'),
  internal: entry(500, 'Internal error', 'unspent', 'retry_same_token'),
  upstream_timeout: entry(504, 'The service did not answer in time', 'unspent', 'retry_same_token'),
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof errorCatalogue

/** More issues than this in one answer help nobody. */
export const maxIssues = 32

/** One thing wrong with a request, by JSON path (`$.input[0].role`), query (`?style`) or path parameter (`:style`). */
export interface RequestIssue {
  readonly path: string
  readonly message: string
  readonly allowed?: unknown
}

export interface GatewayErrorOptions {
  readonly issues?: readonly RequestIssue[]
  readonly retryAfterMs?: number
  /** `Allow` for 405, `Accept` for 415. */
  readonly headers?: Readonly<Record<string, string>>
  readonly money?: MoneyStatus
  readonly action?: MoneyAction
  /** A reference the buyer can quote to the seller. */
  readonly reference?: string
  readonly cause?: unknown
}

/**
 * The only thing the gateway throws. `message` becomes `detail` on the wire for statuses below 500 and for 502–504,
 * whose text is always ours; a 500 never shows its message.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly options: GatewayErrorOptions

  constructor(code: ErrorCode, message?: string, options: GatewayErrorOptions = {}) {
    super(message ?? errorCatalogue[code].title, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.options = options
  }

  get status(): number {
    return errorCatalogue[this.code].status
  }

  get money(): MoneyStatus {
    return this.options.money ?? errorCatalogue[this.code].money
  }

  get action(): MoneyAction {
    return this.options.action ?? errorCatalogue[this.code].action
  }

  /** Folds anything thrown into a GatewayError, keeping the cause for the log. */
  static from(thrown: unknown): GatewayError {
    return thrown instanceof GatewayError ? thrown : new GatewayError('internal', undefined, { cause: thrown })
  }
}
