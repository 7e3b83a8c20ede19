import { WalletError } from '../../ports/wallet.ts'

/** The failure that an error code of NIP-47 ("Error codes") stands for. The wallet's own words stay out of it. */
export function answerError(method: string, code: string): WalletError {
  switch (code) {
    case 'UNAUTHORIZED':
      return new WalletError(
        'unauthorized',
        'The wallet does not know this connection any more; make a new receive-only one there and give its connection string.',
      )
    case 'RESTRICTED':
      return new WalletError(
        'unauthorized',
        `The wallet does not allow this connection to ${method}; make one there that may receive, and give its connection string.`,
      )
    case 'RATE_LIMITED':
      return new WalletError('rate_limited', 'The wallet limits the rate of requests.')
    case 'QUOTA_EXCEEDED':
      return new WalletError(
        'rate_limited',
        'The quota that the wallet gives this connection is used up; raise it there.',
      )
    case 'NOT_IMPLEMENTED':
      return new WalletError('rejected', `The wallet knows no ${method}; use another wallet.`)
    case 'UNSUPPORTED_ENCRYPTION':
      return new WalletError('protocol', 'The wallet does not take the encryption that it announces; update it.')
    case 'INTERNAL':
    case 'OTHER':
      return new WalletError('unavailable', `The wallet failed at ${method} for a reason of its own.`)
    default:
      return new WalletError('rejected', `The wallet refused ${method}.`)
  }
}
