import { decodeMacaroon } from '../../l402/macaroon.ts'

/** Makes the macaroon with the least rights that are enough. */
export const bakeCommand =
  'lncli bakemacaroon --save_to turnpike.macaroon uri:/lnrpc.Lightning/AddInvoice uri:/lnrpc.Lightning/LookupInvoice uri:/lnrpc.Lightning/SubscribeInvoices'

/** The same, with what holding payments takes besides. */
export const holdBakeCommand = `${bakeCommand} uri:/invoicesrpc.Invoices/AddHoldInvoice uri:/invoicesrpc.Invoices/LookupInvoiceV2 uri:/invoicesrpc.Invoices/SubscribeSingleInvoice uri:/invoicesrpc.Invoices/SettleInvoice uri:/invoicesrpc.Invoices/CancelInvoice`

/** A right of lnd, `entity:action`, such as `invoices:read` or `uri:/lnrpc.Lightning/AddInvoice`. */
export interface Rights {
  readonly missing: readonly string[]
  /** For holding payments. */
  readonly missingToHold: readonly string[]
  /** Beyond receiving and looking at the node. */
  readonly excess: readonly string[]
  /** Whether whoever holds the macaroon can move money out. */
  readonly spends: boolean
  /** May ask GetInfo. */
  readonly info: boolean
  /** May ask ChannelBalance. */
  readonly balance: boolean
}

const needed: readonly (readonly [uri: string, wide: string])[] = [
  ['uri:/lnrpc.Lightning/AddInvoice', 'invoices:write'],
  ['uri:/lnrpc.Lightning/LookupInvoice', 'invoices:read'],
  ['uri:/lnrpc.Lightning/SubscribeInvoices', 'invoices:read'],
]
/** lnd wants the right to write of whoever looks up this way. */
const neededToHold: typeof needed = [
  ['uri:/invoicesrpc.Invoices/AddHoldInvoice', 'invoices:write'],
  ['uri:/invoicesrpc.Invoices/LookupInvoiceV2', 'invoices:write'],
  ['uri:/invoicesrpc.Invoices/SubscribeSingleInvoice', 'invoices:read'],
  ['uri:/invoicesrpc.Invoices/SettleInvoice', 'invoices:write'],
  ['uri:/invoicesrpc.Invoices/CancelInvoice', 'invoices:write'],
]
const getInfo = ['uri:/lnrpc.Lightning/GetInfo', 'info:read']
const channelBalance = ['uri:/lnrpc.Lightning/ChannelBalance', 'offchain:read']
const harmless: ReadonlySet<string> = new Set([...needed.flat(), ...neededToHold.flat(), ...getInfo, ...channelBalance])
const spending =
  /^(?:offchain:write|onchain:write|macaroon:|signer:|uri:.*\/(?:Send|Pay|Open|Close|Bump|Fund|Bake|Sign))/i

/**
 * What a macaroon of lnd permits. lnd writes the rights into its identifier, in the clear. Caveats may narrow them
 * further; only lnd judges those.
 * @returns undefined where the identifier is not one of lnd's
 */
export function readRights(macaroon: Uint8Array): Rights | undefined {
  const decoded = decodeMacaroon(macaroon)
  if (decoded.kind === 'malformed') return undefined
  const { identifier } = decoded.macaroon
  const rights = identifier[0] === identifierVersion ? readOperations(identifier.subarray(1)) : undefined
  if (rights === undefined) return undefined
  const has = (...anyOf: readonly string[]): boolean => anyOf.some((each) => rights.includes(each))
  return {
    missing: needed.filter((either) => !has(...either)).map(([uri]) => uri),
    missingToHold: neededToHold.filter((either) => !has(...either)).map(([uri]) => uri),
    excess: rights.filter((right) => !harmless.has(right)),
    spends: rights.some((right) => spending.test(right)),
    info: has(...getInfo),
    balance: has(...channelBalance),
  }
}

const identifierVersion = 3

/** `MacaroonId { bytes nonce = 1; bytes storageId = 2; repeated Op { string entity = 1; repeated string actions = 2 } ops = 3 }` */
function readOperations(message: Uint8Array): string[] | undefined {
  const operations = readFields(message)?.filter(({ field }) => field === 3)
  const rights = operations?.map(({ bytes }) => {
    const fields = readFields(bytes)
    const entity = fields?.find(({ field }) => field === 1)
    return (fields ?? [])
      .filter(({ field }) => field === 2)
      .map((action) => `${text(entity?.bytes)}:${text(action.bytes)}`)
  })
  return rights?.flat()
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8')

/** The fields of a protobuf message that has only length-delimited ones; undefined for any other. */
function readFields(message: Uint8Array): { field: number; bytes: Uint8Array }[] | undefined {
  const fields: { field: number; bytes: Uint8Array }[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; factor < 2 ** 35; factor *= 128) {
      const byte = message[at++]
      if (byte === undefined) return Number.NaN
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < message.length) {
    const tag = varint()
    const length = varint()
    if (tag % 8 !== 2 || !(at + length <= message.length)) return undefined
    fields.push({ field: Math.floor(tag / 8), bytes: message.subarray(at, at + length) })
    at += length
  }
  return fields
}
