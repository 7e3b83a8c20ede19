import type { Sent } from './buyer.ts'

/** A gateway that believes the proxies of this machine, so that a test can come from anywhere. */
export const behindProxy = 'trusted_proxies: { from: [127.0.0.0/8], hops: 1 }\n'

/** The same request as a client of another address sends it. */
export const from = (address: string, request: Sent): Sent => ({
  ...request,
  headers: { ...request.headers, 'x-forwarded-for': address },
})
