import { parseArgs } from 'node:util'
import { fetch } from 'undici'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { readRequestArguments, requestOptions } from './request-arguments.ts'

/** `turnpike quote`: the price of a request, without an invoice. */
export async function quote(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...requestOptions, site: { type: 'string', default: '/l402' }, json: { type: 'boolean' } },
  })
  const { method, url, headers, body } = await readRequestArguments(positionals, values)
  const { origin } = new URL(url)
  const answer = await fetch(`${origin}${values.site}/quote${url.slice(url.indexOf('/', origin.length))}`, {
    method,
    headers,
    ...(body && { body: new Uint8Array(body) }),
  }).catch((thrown: unknown) => {
    throw new CommandError(
      exitCodes.unavailable,
      `${origin} cannot be reached: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    )
  })
  const text = await answer.text()
  if (!answer.ok) {
    console.error(text.trim())
    return answer.status === 404 ? exitCodes.notFound : exitCodes.refused
  }
  const quoted = JSON.parse(text) as { amountMsat: number; price: { lines: { label: string }[] } }
  if (values.json) console.log(text.trim())
  else
    console.log([`${quoted.amountMsat / 1000} sats`, ...quoted.price.lines.map(({ label }) => `  ${label}`)].join('\n'))
  return exitCodes.ok
}
