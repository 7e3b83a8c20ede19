import { z } from 'zod'
import { fileSchema } from './schema.ts'

/** The configuration's schema for editors: draft 7, which every YAML language server knows. */
export function configJsonSchema(): unknown {
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => allowFiles(jsonSchema),
  })
  return { ...schema, $id: 'turnpike-gateway', title: 'Turnpike gateway.yaml' }
}

/** A value that is needed may be given by its file. */
function allowFiles(schema: { required?: string[]; properties?: object; allOf?: unknown[] }): void {
  const { required = [], properties = {} } = schema
  const given = required.filter((key) => `${key}_file` in properties)
  if (given.length === 0) return
  schema.required = required.filter((key) => !given.includes(key))
  const has = (key: string) => ({ properties: { [key]: true }, required: [key] })
  schema.allOf = given.map((key) => ({ oneOf: [has(key), has(`${key}_file`)] }))
}
