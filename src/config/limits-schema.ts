import { z } from 'zod'
import { durationMs, waitMs } from './scalars.ts'

/** The part of the configuration that says how much an upstream may be asked for, and when it counts as down. */

export const breaker = z
  .union(
    [
      z.literal(['off', false]),
      z.strictObject({
        failures: z
          .int()
          .positive()
          .describe('This many failures in a row open it; those of one payment count once')
          .optional(),
        ratio: z
          .number()
          .gt(0)
          .max(1)
          .describe('This share of failures within `window` opens it, judged on at least twice `failures` calls')
          .optional(),
        window: durationMs.describe('How far back `ratio` looks').optional(),
        cooldown: durationMs
          .describe(
            'How long it stays open before one paid call may try; doubles with each that fails, up to 5 minutes',
          )
          .optional(),
      }),
    ],
    { error: 'write `off`, or a block such as `{ failures: 5, ratio: 0.5, window: 60s, cooldown: 10s }`' },
  )
  .describe(
    'When the upstream counts as down, so that nothing more is sold; default `{ failures: 5, ratio: 0.5, window: 60s, cooldown: 10s }`',
  )

const status = z.int().min(100).max(599)

const healthCheck = z
  .strictObject({
    path: z
      .string()
      .regex(
        /^\/(?:(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9._~!$&'()+,=@-]+(?:\/|(?=\?|$)))*(?:\?[\x21-\x7e]*)?$/,
        'must be a plain path such as `/healthz`, without escapes, dot segments or `//`',
      )
      .describe('Asked with GET at the address of the upstream; nothing that is sold may be there'),
    every: waitMs.describe('Time between two checks').prefault('10s'),
    timeout: waitMs.describe('How long an answer may take').prefault('5s'),
    expect: z
      .union([status, z.array(status).min(1)], { error: 'write a status such as 200, or a list of them' })
      .describe('The status of a good answer; default any 2xx')
      .optional(),
  })
  .describe('A check of its own: one that fails stops the sale, one that succeeds lets it go on')

export const limitsShape = {
  max_concurrent: z.int().positive().describe('Paid calls at the same time; more wait, unspent').optional(),
  max_queued: z
    .int()
    .min(0)
    .describe('Calls that may wait when `max_concurrent` are running; more get 503; default 100')
    .optional(),
  max_queue_wait: waitMs.describe('How long a call may wait before it gets 503; default 60s').optional(),
  breaker: breaker.optional(),
  health: healthCheck.optional(),
}

export type BreakerInput = z.output<typeof breaker>
