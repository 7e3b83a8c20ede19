import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createWallet } from '../lightning/create-wallet.ts'
import { systemClock } from '../ports/clock.ts'
import { examineWallet, type Finding } from './examine-wallet.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { loadOrExplain } from './load-or-explain.ts'

interface Diagnosis {
  readonly wallet: string
  readonly kind: string
  readonly findings: readonly Finding[]
}

/** `turnpike doctor`: tries every configured wallet and says what is wrong, with the fix. */
export async function doctor(args: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args, options: { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } } })
  const { config } = loadOrExplain(values.config ?? 'gateway.yaml', process.env)
  // The development wallet keeps its file there.
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const diagnoses: Diagnosis[] = []
  for (const settings of config.lightning.wallets) {
    const wish = { requireSettled: config.lightning.requireSettled, mintPerMinute: settings.mintPerMinute }
    const findings = await examineWallet(() => createWallet(settings, config.dataDir, systemClock), wish)
    diagnoses.push({ wallet: settings.name, kind: settings.kind, findings })
  }
  const failed = diagnoses.filter(({ findings }) => findings.some(({ level }) => level === 'fail'))
  if (values.json) console.log(JSON.stringify({ ok: failed.length === 0, wallets: diagnoses }, undefined, 2))
  else print(diagnoses, failed.length)
  return failed.length === 0 ? exitCodes.ok : exitCodes.unavailable
}

function print(diagnoses: readonly Diagnosis[], failed: number): void {
  for (const { wallet, kind, findings } of diagnoses) {
    console.log(`${wallet} (${kind})`)
    for (const { level, text } of findings) console.log(`  ${level.padEnd(4)}  ${text}`)
    console.log('')
  }
  console.log(
    failed === 0
      ? 'Every wallet can be sold with.'
      : `${failed} of ${diagnoses.length} ${diagnoses.length === 1 ? 'wallet' : 'wallets'} cannot be sold with.`,
  )
}
