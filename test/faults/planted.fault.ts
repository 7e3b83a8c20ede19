import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Arena, checkout } from './arena/arena.ts'
import { check } from './arena/checker.ts'
import { heldShortForm } from './arena/held-crash.ts'
import { shortForm } from './arena/short-form.ts'
import { note } from './summary.ts'

/** Defects put into a copy of the source, each of which the checker has to see. A test of the tests. */

interface Change {
  readonly file: string
  readonly was: string
  readonly becomes: string
}

interface Planted {
  readonly name: string
  readonly changes: readonly Change[]
  /** Promises of which at least one must be seen broken. */
  readonly breaks: RegExp
  /** What it is not brought through otherwise; the short form of every purchase. */
  readonly form?: Form
}

type Form = (arena: Arena) => Promise<void>

const planted: readonly Planted[] = [
  {
    name: 'a claim that looks first and then writes',
    changes: [
      {
        file: 'src/gateway/redeem/jobs.ts',
        was: 'const entry = this.#entries.get(paymentHash)\n    if (entry) {',
        becomes: 'const entry = undefined as Entry | undefined\n    if (entry) {',
      },
      {
        file: 'src/gateway/redeem/jobs.ts',
        was: 'const started = await this.#entries.get(paymentHash)?.started',
        becomes: 'const started = await (undefined as Entry | undefined)?.started',
      },
      {
        file: 'src/ledger/sqlite/sqlite-ledger.ts',
        was: '  claim(request: ClaimRequest): Promise<ClaimOutcome> {\n',
        becomes: `  async claim(request: ClaimRequest): Promise<ClaimOutcome> {
    const record = await this.read(request.paymentHash)
    if (record && record.job.state !== 'retryable') return { kind: 'standing', record }
`,
      },
      {
        file: 'src/ledger/sqlite/job-table.ts',
        was: "SET state = 'running', epoch = epoch + 1, salt = :salt, result_ttl = :resultTtlMs,\n         sealed_request",
        becomes: "SET state = 'running', epoch = 1, salt = :salt, result_ttl = :resultTtlMs,\n         sealed_request",
      },
      {
        file: 'src/ledger/sqlite/job-table.ts',
        was: "((state = 'running' AND :takeover)",
        becomes: '(:takeover',
      },
    ],
    breaks: /P2/,
  },
  {
    name: 'no fence between epochs',
    changes: [
      {
        file: 'src/ledger/sqlite/job-table.ts',
        was: "result_bytes = :resultBytes, last_code = NULL, sealed_request = NULL, upstream_ref = NULL\n       WHERE ${ofPayment} AND epoch = :epoch AND state = 'running'",
        becomes:
          "result_bytes = :resultBytes, last_code = NULL, sealed_request = NULL, upstream_ref = NULL\n       WHERE ${ofPayment} AND state = 'running'",
      },
    ],
    breaks: /P[23]/,
  },
  {
    name: 'a capture before the body is complete',
    changes: [
      {
        file: 'src/gateway/redeem/judge.ts',
        was: "if (end.kind === 'fault') return judgeFault(end)",
        becomes: "if (end.kind === 'fault' && !head) return judgeFault(end)",
      },
    ],
    breaks: /P[23]/,
  },
  {
    name: '402 when the ledger fails',
    changes: [
      {
        file: 'src/gateway/handle.ts',
        was: '  })\n  undecided?.[Symbol.dispose]()\n',
        becomes:
          "  }).catch(() => ({ kind: 'challenge', code: 'token_refused' }) as const)\n  undecided?.[Symbol.dispose]()\n",
      },
    ],
    breaks: /P5/,
  },
  {
    name: 'an expiry that is judged before the ledger',
    changes: [
      {
        file: 'src/gateway/handle.ts',
        was: '  switch (appended.kind) {\n',
        becomes:
          "  if (cameAt >= token.terms.validUntil) return { code: 'token_expired' }\n  switch (appended.kind) {\n",
      },
    ],
    breaks: /P5/,
  },
  {
    name: 'a payment that is taken before the result is stored',
    changes: [
      {
        file: 'src/gateway/hold/hold-desk.ts',
        was: '    const patientUntilMs = Math.min(',
        becomes:
          '    await wallet.settleHold(paymentHash, credential.preimage, this.#closing.signal)\n    const patientUntilMs = Math.min(',
      },
    ],
    breaks: /P8/,
    form: heldShortForm,
  },
  {
    name: 'patience that looks at nothing when it decides',
    changes: [
      {
        file: 'src/ledger/sqlite/hold-operations.ts',
        was: "WHERE hash = :hash AND state = 'held' AND EXISTS (",
        becomes: 'WHERE hash = :hash OR hash = :hash AND EXISTS (',
      },
    ],
    breaks: /P8/,
    form: heldShortForm,
  },
]

/** A copy of what runs, with some of it changed. */
function copyWith(changes: readonly Change[]): Disposable & { readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'turnpike-planted-'))
  for (const name of ['src', 'bin', 'package.json']) cpSync(join(checkout, name), join(root, name), { recursive: true })
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'))
  for (const { file, was, becomes } of changes) {
    const text = readFileSync(join(root, file), 'utf8')
    if (text.split(was).length !== 2) throw new Error(`${file} does not have this once: ${was}`)
    writeFileSync(
      join(root, file),
      text.replace(was, () => becomes),
    )
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

async function judge(changes: readonly Change[], form: Form = shortForm) {
  using copy = copyWith(changes)
  await using arena = await Arena.open({ root: copy.root, stepped: true })
  await form(arena)
  return await check(arena)
}

test.for([
  ['the short form', shortForm],
  ['that of payments that are held', heldShortForm],
] as const)('the source as it is breaks no promise in %s', async ([, form]) => {
  const { violations } = await judge([], form)
  note('violations', violations.length)
  expect(violations).toEqual([])
})

test.for(planted.map((each) => [each.name, each] as const))('%s is caught', async ([, { changes, breaks, form }]) => {
  const { violations } = await judge(changes, form)
  const caught = violations.filter(({ promise }) => breaks.test(promise))
  expect(caught).not.toEqual([])
  note('planted bugs caught', 1)
  note('planted bugs: violations they showed', violations.length)
})
