import { z } from 'zod'

/** 32 bytes as hex, made lower case. */
export const hash32 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform((text) => text.toLowerCase())

export const wholeNumber = z.int().nonnegative()
