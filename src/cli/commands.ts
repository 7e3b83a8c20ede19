import type { ExitCode } from './exit-codes.ts'

export interface Command {
  readonly summary: string
  readonly usage: string
  /** Loaded when it is run, so that `turnpike pay` does not wait for a gateway's modules. */
  load(): Promise<(args: string[]) => Promise<ExitCode>>
}

export const commands: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'sell what a configuration offers',
    usage: '[--config gateway.yaml] [--listen host:port] [--admin host:port] [--data dir]',
    load: async () => (await import('./serve.ts')).serve,
  },
  demo: {
    summary: 'sample services, gateway and development wallet, all at once',
    usage: '[--config file] [--listen host:port] [--admin host:port] [--data dir] [--voice-delay-ms n]',
    load: async () => (await import('./demo.ts')).demo,
  },
  'demo-services': {
    summary: 'only the sample services, for a gateway of your own',
    usage: '[--listen 127.0.0.1:9000] [--voice-delay-ms n]',
    load: async () => (await import('./demo-services.ts')).demoServices,
  },
  check: {
    summary: 'judge a configuration and show what it would sell',
    usage: '[--config gateway.yaml] [--json]',
    load: async () => (await import('./check.ts')).check,
  },
  doctor: {
    summary: 'try every configured wallet and say what is wrong, with the fix',
    usage: '[--config gateway.yaml] [--json]',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  revenue: {
    summary: 'what came in, by day and service',
    usage: '[--config file | --data dir] [--from day] [--to day] [--csv | --json]',
    load: async () => (await import('./revenue.ts')).revenue,
  },
  payments: {
    summary: 'every payment and what became of it: delivered, unredeemed, refundable, …',
    usage: '[--config file | --data dir] [--status name,…] [--since day] [--limit n] [--csv | --json]',
    load: async () => (await import('./payments.ts')).payments,
  },
  reconcile: {
    summary: 'compare the ledger with the wallets, payment by payment',
    usage: '[--config gateway.yaml] [--data dir] [--since day] [--csv | --json]',
    load: async () => (await import('./reconcile.ts')).reconcile,
  },
  schema: {
    summary: 'print the JSON Schema of the configuration, for editors',
    usage: '',
    load: async () => (await import('./schema.ts')).schema,
  },
  quote: {
    summary: 'the price of a request, without an invoice',
    usage: 'METHOD URL [-d body | -F name=value …] [--json]',
    load: async () => (await import('./quote.ts')).quote,
  },
  buy: {
    summary: 'make a request, pay for it, and write the result',
    usage:
      'METHOD URL [-d body | -F name=value …] [-H header] [-o file] [--async] [--max-sats n] [--dev-wallet url] [--json] [--credential c | --resume TOKEN:INVOICE]',
    load: async () => (await import('./buy.ts')).buy,
  },
  pay: {
    summary: 'pay an invoice with the development wallet',
    usage: 'INVOICE [--admin 127.0.0.1:8403] [--json]',
    load: async () => (await import('./pay.ts')).pay,
  },
  refunds: {
    summary: 'payments that are owed back; note them as refunded, or open them for new attempts',
    usage: '[--all] [--json | --csv] | mark REF --note text | reopen REF [--for 7d]  [--config gateway.yaml]',
    load: async () => (await import('./refunds.ts')).refunds,
  },
  keys: {
    summary: 'the master keys: list them, make a new one, remove one that nothing needs',
    usage: 'list | rotate | retire NUMBER  [--config gateway.yaml]',
    load: async () => (await import('./keys.ts')).keys,
  },
  backup: {
    summary: 'copy ledger and keys, while the gateway runs or not',
    usage: 'DIRECTORY [--config gateway.yaml]',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'put a backup in place',
    usage: 'DIRECTORY [--nothing-delivered-since] [--config gateway.yaml]',
    load: async () => (await import('./restore.ts')).restore,
  },
  revoke: {
    summary: 'make the token of a payment worthless',
    usage: 'PAYMENT_HASH | REF [--config gateway.yaml]',
    load: async () => (await import('./revoke.ts')).revoke,
  },
}

const width = Math.max(...Object.keys(commands).map((name) => name.length))

export const usage = `turnpike <command>

${Object.entries(commands)
  .map(
    ([name, { summary, usage: own }]) =>
      `  ${name.padEnd(width)}  ${summary}${own === '' ? '' : `\n  ${' '.repeat(width)}  ${name} ${own}`}`,
  )
  .join('\n')}

Exit codes: 0 done, 1 unexpected, 2 bad arguments or configuration, 3 cannot connect, 4 refused, 5 not found,
6 not delivered and not charged.`
