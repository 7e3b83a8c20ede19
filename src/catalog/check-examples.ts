import type { ExampleConfig } from '../config/config.ts'
import type { ConfigPath } from '../config/problem.ts'
import { type Price, priceOf } from '../pricing/price.ts'
import { matchPath } from './route.ts'
import type { BodyContract, Service } from './service.ts'

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
  /** Below the example. */
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
  const misplaced = wrongBody(contract.body, example)
  if (misplaced !== undefined) return [{ message: misplaced }]
  const problems: ExampleProblem[] = []
  let body = exampleBody(example, contract.body)
  if (contract.body.kind === 'structured') {
    const checked = contract.body.validate?.(body)
    if (checked && !checked.ok) {
      const key = example.body.kind === 'form' ? 'form' : 'body'
      problems.push(
        ...checked.issues.map(({ path: at, message }) => ({
          at: [key, ...keysOf(at)],
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
    problems.push({ at: ['query', at.slice(1)], message: `is refused by its own schema: ${at} ${message}` })
  }
  if (problems.length > 0) return problems
  const pricing = priceOf(contract.price, { body, query, params })
  if (pricing.kind === 'priced') return { example, price: pricing.price }
  return pricing.issues.map(({ path: at, message }) => ({ message: `has no price: ${at} ${message}` }))
}

/** `$.input[0].text` → the keys of the example's body, for its place in the file. */
const keysOf = (path: string): ConfigPath =>
  [...path.matchAll(/\.([^.[\]]+)|\[([0-9]+)\]/g)].map(([, name, index]) => name ?? Number(index))

/** Why the service does not take the body that the example has. */
function wrongBody(contract: BodyContract, { body }: ExampleConfig): string | undefined {
  switch (contract.kind) {
    case 'none':
      return body.kind === 'none' ? undefined : 'has a body, but requests of this method have none; use `query`'
    case 'opaque':
      return undefined
    case 'structured':
      if (body.kind === 'json' && contract.json) return undefined
      if (body.kind === 'form' && contract.multipart) return undefined
      return contract.json
        ? `needs a \`body\`${contract.multipart ? ' or a `form`' : ''}: the service takes JSON`
        : 'needs a `form`: the service takes multipart/form-data'
  }
}

/** The value that a request with this body would be validated and priced as. */
function exampleBody({ body }: ExampleConfig, contract: BodyContract): unknown {
  const typed = (name: string, text: string): unknown =>
    contract.kind === 'structured' ? contract.typed(name, text) : text
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
            ? typed(field.name, field.text)
            : { filename: field.filename, contentType: field.contentType, bytes: field.content.length },
        ]),
      )
  }
}
