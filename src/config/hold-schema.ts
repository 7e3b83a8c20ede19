import { z } from 'zod'
import { durationMs, sizeBytes } from './scalars.ts'

export const onDelivery = z.strictObject({
  on_delivery: z
    .strictObject({ hold: durationMs.describe('How long the payment may be held while the work runs') })
    .describe('The money is taken once the result is stored'),
})

export const holdSection = z
  .strictObject({
    max_open: z.int().min(1).max(100_000).describe('The most offers open at once').default(1000),
    max_bytes: sizeBytes.describe('The most that their requests may take together').prefault('256MiB'),
    max_per_client: z.int().min(1).describe('The most open offers of one network (/24, /48)').default(50),
    max_failed_per_client: z
      .int()
      .min(1)
      .describe('Payments let go after work was done, in an hour, of one network; above it nothing is offered to it')
      .default(20),
    max_failed_per_service: z.int().min(1).describe('The same of one service').default(200),
  })
  .prefault({})
  .describe('Offers of services with `charge: on_delivery`, whose payment is held until the result is stored')
