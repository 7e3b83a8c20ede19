import { z } from 'zod'

/** The settings of the development wallet: it has none yet, and a key that is not one is an error. */
export const devWalletOptions = z.strictObject({})
