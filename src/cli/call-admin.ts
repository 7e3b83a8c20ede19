import { fetch, type Response } from 'undici'
import { CommandError, exitCodes } from './exit-codes.ts'
import type { OperatorPlace } from './operator-place.ts'

const timeoutMs = 30_000

export interface AdminAnswer {
  readonly kind: 'done' | 'already'
  readonly text: string
}

/**
 * Asks the running gateway to do something; it alone writes the ledger and the keys.
 * @throws CommandError with what to do: not running 3, refused 4, unknown 5
 */
export async function callAdmin(
  { adminUrl, token }: OperatorPlace,
  path: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<AdminAnswer> {
  return (await ask({ adminUrl, token }, path, JSON.stringify(body))) as AdminAnswer
}

/** The same for what only reads. @throws CommandError */
export const askAdmin = (place: OperatorPlace, path: string): Promise<unknown> => ask(place, path, undefined)

async function ask(
  { adminUrl, token }: Pick<OperatorPlace, 'adminUrl' | 'token'>,
  path: string,
  body: string | undefined,
): Promise<unknown> {
  const answer = await reach(adminUrl, path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const said = (await answer.json().catch(() => ({}))) as { error?: unknown }
  if (answer.ok) return said
  const reason = typeof said.error === 'string' ? said.error : `it answered ${answer.status}`
  switch (answer.status) {
    case 401:
      throw new CommandError(
        exitCodes.refused,
        `${adminUrl} wants the token that stands under \`admin\` in its configuration`,
      )
    case 404:
      throw new CommandError(exitCodes.notFound, reason)
    case 503:
      throw new CommandError(exitCodes.unavailable, reason)
    default:
      throw new CommandError(exitCodes.refused, reason)
  }
}

async function reach(adminUrl: string, path: string, init: Parameters<typeof fetch>[1]): Promise<Response> {
  try {
    return await fetch(new URL(path, adminUrl), init)
  } catch {
    throw new CommandError(
      exitCodes.unavailable,
      `no gateway answers at ${adminUrl}. This command needs it running: start it with \`turnpike serve\`, or name its operator’s listener with --admin host:port.`,
    )
  }
}
