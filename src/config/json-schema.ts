import { z } from 'zod'
import { fileSchema } from './schema.ts'

/** The configuration's schema for editors: draft 7, which every YAML language server knows. */
export function configJsonSchema(): unknown {
  const schema = z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-7', unrepresentable: 'any' })
  return { ...schema, $id: 'turnpike-gateway', title: 'Turnpike gateway.yaml' }
}
