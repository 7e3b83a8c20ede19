import { configJsonSchema } from '../config/json-schema.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** `turnpike schema`: the JSON Schema of the configuration file. */
export function schema(): Promise<ExitCode> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`)
  return Promise.resolve(exitCodes.ok)
}
