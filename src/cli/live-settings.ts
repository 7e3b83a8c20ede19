import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/config.ts'

/** What of a configuration a running process takes over; everything else waits for a restart. */
const live: ReadonlySet<string> = new Set<keyof Config>([
  'file',
  'locate',
  'services',
  'publicUrl',
  'contact',
  'trustedProxies',
  'access',
  'limits',
  'l402',
  'log',
  'shutdown',
])

/** As they are called in the file, where that differs. */
const names: Readonly<Record<string, string>> = { dataDir: 'data' }

export interface LiveSettings {
  /** The new one, with the settings that cannot change as they are. */
  readonly config: Config
  /** Settings that were changed and need a restart. */
  readonly needRestart: readonly string[]
}

export function liveSettings(running: Config, wanted: Config): LiveSettings {
  const fixed = Object.keys(wanted).filter((key) => !live.has(key) && key !== 'site' && key !== 'lightning')
  const changed = (fixed as (keyof Config)[]).filter((key) => !isDeepStrictEqual(running[key], wanted[key]))
  const needRestart = [
    ...changed.map((key) => names[key] ?? key),
    ...(running.site.prefix === wanted.site.prefix ? [] : ['site.prefix']),
    ...(isDeepStrictEqual(running.lightning.wallets, wanted.lightning.wallets) ? [] : ['lightning.wallet']),
  ]
  const kept = Object.fromEntries((fixed as (keyof Config)[]).map((key) => [key, running[key]]))
  const config: Config = Object.freeze({
    ...wanted,
    ...kept,
    site: { ...wanted.site, prefix: running.site.prefix },
    lightning: { ...wanted.lightning, wallets: running.lightning.wallets },
  })
  return { config, needRestart }
}
