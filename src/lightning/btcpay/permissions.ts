/** What selling needs, in Greenfield's words. */
const needed = ['btcpay.store.cancreatelightninginvoice', 'btcpay.store.canviewlightninginvoice'] as const

/** Those that hold others (BTCPay's tree of policies, as far as it leads to what is needed). */
const includes: Readonly<Record<string, readonly string[]>> = {
  unrestricted: needed,
  'btcpay.store.canmodifystoresettings': needed,
  'btcpay.store.canuselightningnode': needed,
  'btcpay.store.cancreatelightninginvoice': needed,
}

/** Taken without a word: a store on the server's own node needs it. */
const harmless = new Set<string>([...needed, 'btcpay.server.cancreatelightninginvoiceinternalnode'])

export interface JudgedPermissions {
  readonly missing: readonly string[]
  readonly excess: readonly string[]
}

/** @param permissions `policy` for all stores or `policy:storeId` for one */
export function judgePermissions(permissions: readonly string[], storeId: string): JudgedPermissions {
  const held = new Set<string>()
  const excess: string[] = []
  for (const permission of permissions) {
    const [policy = '', scope] = permission.split(':')
    if (scope === undefined || scope === storeId) {
      held.add(policy)
      for (const included of includes[policy] ?? []) held.add(included)
    }
    if (!harmless.has(policy)) excess.push(policy)
  }
  return { missing: needed.filter((policy) => !held.has(policy)), excess: [...new Set(excess)] }
}
