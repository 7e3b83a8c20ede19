import type { ExampleConfig } from '../config/config.ts'
import type { ConfigPath } from '../config/problem.ts'
import { type Price, priceOf } from '../pricing/price.ts'
import { matchPath } from './route.ts'
import type { Service } from './service.ts'

type Complain = (path: ConfigPath, message: string) => void

/** An example as it would be validated and priced. */
export interface PricedExample {
  readonly example: ExampleConfig
  readonly price: Price
}

/** Every example must be a request that the service would sell. */
export function checkExamples(service: Service, complain: Complain): void {
  for (const [index, example] of service.config.examples.entries()) {
    const result = priceExample(service, example)
    if (!Array.isArray(result)) continue
    for (const problem of result) complain(['examples', index, ...(problem.at ?? [])], problem.message)
  }
}

interface ExampleProblem {
  readonly at?: ConfigPath
  readonly message: string
}

/** @returns the price, `free`, or what is wrong with the example */
export function priceExample(service: Service, example: ExampleConfig): PricedExample | 'free' | ExampleProblem[] {
  const { contract, config } = service
  const path = example.path ?? config.key.path
  const params = matchPath(config.key, path)
  if (!params || (example.path === undefined && config.key.segments.some(({ kind }) => kind === 'param'))) {
    return [{ message: `needs a \`path\` that \`${config.key.path}\` matches` }]
  }
  if (contract.price === 'free') return 'free'
  const problems: ExampleProblem[] = []
  let body = exampleBody(example)
  if (contract.body.kind === 'structured') {
    if (body === undefined) return [{ message: 'needs a `body`' }]
    const checked = contract.body.validate?.(body)
    if (checked && !checked.ok) {
      problems.push(
        ...checked.issues.map(({ path: at, message }) => ({
          message: `is refused by its own schema: ${at} ${message}`,
        })),
      )
    }
    if (checked?.ok) body = checked.value
  }
  let query: ReadonlyMap<string, string> = new Map(Object.entries(example.query))
  const checkedQuery = contract.query?.check?.(query)
  if (checkedQuery?.ok) query = checkedQuery.parameters
  for (const { path: at, message } of checkedQuery?.ok === false ? checkedQuery.issues : []) {
    problems.push({ at: ['query'], message: `is refused by its own schema: ${at} ${message}` })
  }
  if (problems.length > 0) return problems
  const pricing = priceOf(contract.price, { body, query, params })
  if (pricing.kind === 'priced') return { example, price: pricing.price }
  return pricing.issues.map(({ path: at, message }) => ({ message: `has no price: ${at} ${message}` }))
}

function exampleBody({ body }: ExampleConfig): unknown {
  switch (body.kind) {
    case 'none':
      return undefined
    case 'json':
      return structuredClone(body.value)
    case 'form':
      return Object.fromEntries(
        body.fields.map((field) => [
          field.name,
          'text' in field
            ? field.text
            : { filename: field.filename, contentType: field.contentType, bytes: field.content.length },
        ]),
      )
  }
}
