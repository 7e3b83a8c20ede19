import { parseArgs } from 'node:util'
import { askAdmin, callAdmin } from './call-admin.ts'
import { CommandError, type ExitCode, exitCodes } from './exit-codes.ts'
import { operatorOptions, operatorPlace } from './operator-place.ts'
import { say } from './refunds.ts'

interface KeyLine {
  readonly id: number
  readonly state: string
  readonly fingerprint: string
  readonly retirableFromMs?: number
  readonly owed: number
}

/** `turnpike keys list|rotate|retire`: the master keys of a running gateway. */
export async function keys(args: string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...operatorOptions, json: { type: 'boolean' } },
  })
  const [action = 'list', id, ...more] = positionals
  const takesId = action === 'retire'
  if (!['list', 'rotate', 'retire'].includes(action) || more.length > 0 || takesId !== (id !== undefined)) {
    throw new CommandError(exitCodes.usage, 'write `turnpike keys list`, `keys rotate` or `keys retire NUMBER`')
  }
  const place = operatorPlace(values)
  if (action === 'rotate') return say(await callAdmin(place, '/keys/rotate'), values.json)
  if (takesId) {
    if (!/^[0-9]{1,3}$/.test(id ?? '')) throw new CommandError(exitCodes.usage, `${id} is not the number of a key`)
    return say(await callAdmin(place, `/keys/${id}/retire`), values.json)
  }
  const { keys: lines } = (await askAdmin(place, '/keys')) as { keys: readonly KeyLine[] }
  console.log(values.json ? JSON.stringify({ keys: lines }) : lines.map(describe).join('\n'))
  return exitCodes.ok
}

function describe({ id, state, fingerprint, retirableFromMs, owed }: KeyLine): string {
  const head = `key ${id}  ${fingerprint}  ${state === 'mint' ? 'signs and verifies' : 'verifies'}`
  if (state === 'mint') return head
  const from =
    retirableFromMs === undefined ? 'in use now' : `may be retired from ${new Date(retirableFromMs).toISOString()}`
  return `${head}  ${from}${owed > 0 ? `, ${owed} payments under it unspent` : ''}`
}
