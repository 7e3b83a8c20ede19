/**
 * The `WWW-Authenticate` lines of a 402. The first form works with every client that was tried; the order, the quotes,
 * the comma followed by a space and the two names for the same token are all needed by one of them.
 * @param token standard base64 with padding
 * @param legacyLsat adds an `LSAT` line before it, for clients that read only the first line and know only that scheme
 */
export function challengeLines(token: string, invoice: string, legacyLsat: boolean): string[] {
  const l402 = `L402 macaroon="${token}", invoice="${invoice}", version="0", token="${token}"`
  return legacyLsat ? [`LSAT macaroon="${token}", invoice="${invoice}"`, l402] : [l402]
}
