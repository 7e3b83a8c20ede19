/** An L402 challenge as a server sent it. */
export interface ReceivedChallenge {
  readonly token: string
  readonly invoice: string
}

const parameter = /([a-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi

/**
 * Finds the L402 (or LSAT) challenge in `WWW-Authenticate`, whatever else is offered beside it and in whatever order
 * its parameters come.
 * @param header the value, with several lines joined by commas
 */
export function parseChallenge(header: string): ReceivedChallenge | undefined {
  const starts = [...header.matchAll(/(?:^|,)\s*([A-Za-z][A-Za-z0-9_-]*)\s+(?=[A-Za-z0-9_-]+\s*=)/g)]
  for (const [index, start] of starts.entries()) {
    if (!/^(?:L402|LSAT)$/i.test(start[1] ?? '')) continue
    const text = header.slice(start.index + start[0].length, starts[index + 1]?.index)
    const values = new Map<string, string>()
    for (const [, name = '', quoted, bare] of text.matchAll(parameter))
      values.set(name.toLowerCase(), quoted ?? bare ?? '')
    const token = values.get('token') ?? values.get('macaroon')
    const invoice = values.get('invoice')
    if (token !== undefined && token !== '' && invoice !== undefined && invoice !== '') return { token, invoice }
  }
  return undefined
}
