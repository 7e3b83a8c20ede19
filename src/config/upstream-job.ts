import { z } from 'zod'
import type { UpstreamJobConfig } from './config.ts'
import type { ConfigPath } from './problem.ts'
import { waitMs } from './scalars.ts'
import { type AnswerPath, idField, isIdOnly, parseAnswerPath, parseUrlTemplate, type UrlTemplate } from './template.ts'

/** How a service is called that takes a request, answers with an id, and makes the result later. */

const field = z
  .string({ error: 'write the place in the JSON answer, such as `status` or `data.0.url`' })
  .refine((text) => parseAnswerPath(text) !== undefined, 'is no place in a JSON answer; write for example `data.0.url`')

const urlTemplate = z
  .string({ error: 'write a path or URL with its places in braces, such as `/jobs/{id}`' })
  .refine(
    (text) => parseUrlTemplate(text) !== undefined && (/^\/|^https?:\/\//.test(text) || /^\{[^{}]*\}$/.test(text)),
    'must begin with `/`, `http://` or `https://`, or be one field alone, with its places in braces: `/jobs/{id}`',
  )

const values = z
  .array(z.union([z.string(), z.number(), z.boolean()]))
  .min(1)
  .transform((list) => list.map(String))

export const upstreamJobSchema = z.strictObject({
  id: z
    .union([
      field.describe('Its place in the JSON answer'),
      z
        .strictObject({ field: field.describe('Its place in the JSON answer') })
        .describe('Its place in the JSON answer, written out'),
      z
        .strictObject({
          header: z
            .string()
            .regex(/^[A-Za-z0-9-]{1,64}$/, 'is not a header name')
            .describe('The name of the header; what it holds is the id, or with a poll URL of `{id}` the place to ask'),
        })
        .describe('The header of the answer that holds it'),
    ])
    .describe('Where the answer to the request says what the work is called: a field, or a header'),
  poll: z
    .strictObject({
      url: urlTemplate.describe('What is asked, with `{id}` in its place; a path is one on the upstream'),
      every: waitMs.describe('The pause between two questions, if the upstream asks for no other').prefault('2s'),
      up_to: waitMs.describe('The pause grows up to this; without it, it stays').optional(),
      timeout: waitMs.describe('How long one answer may take, to the request too').prefault('60s'),
    })
    .describe('How the upstream is asked how far the work is'),
  state: z
    .strictObject({
      field: field.describe('The place that tells; `{id}` as a key is the id. While it is absent, the work goes on'),
      done: values.describe('What it says when there is a result'),
      failed: values.describe('What it says when there will be none').optional(),
    })
    .describe('How the answers are read'),
  result: z
    .strictObject({
      field: field.describe('In the last answer, at this place').optional(),
      as: z.enum(['json', 'text', 'base64']).describe('How it stands there; default `json`').optional(),
      content_type: z.string().describe('Its media type').optional(),
      url: urlTemplate
        .describe('At this URL, with fields of the last answer in braces; one field alone is the whole URL')
        .optional(),
    })
    .describe('Where the result is; without it the last answer is the result')
    .optional(),
  origins: z
    .array(z.string().regex(/^https?:\/\/[^/?#]+$/, 'must be scheme and host, such as `https://cdn.example.com`'))
    .describe('Other places that URLs may lead to, without the headers for the upstream; default: the upstream alone')
    .default([]),
})

export type UpstreamJobInput = z.output<typeof upstreamJobSchema>

const contentTypes = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  base64: 'application/octet-stream',
} as const

/** @param origin of the upstream itself */
export function readUpstreamJob(
  input: UpstreamJobInput,
  origin: string,
  path: ConfigPath,
  onProblem: (path: ConfigPath, message: string) => void,
): UpstreamJobConfig {
  const { id, poll, state, result } = input
  const origins = [origin, ...input.origins.map((each) => new URL(each).origin)]
  const failed = state.failed ?? []
  const checkOrigin = (url: string | undefined, at: readonly string[]): void => {
    const literal = url === undefined ? undefined : /^https?:\/\/[^/?#{}]*/i.exec(url)?.[0]
    if (literal === undefined) return
    if (!URL.canParse(literal) || !origins.includes(new URL(literal).origin))
      onProblem([...path, ...at], 'leads to another host than the upstream; name that in `origins`')
  }
  checkOrigin(poll.url, ['poll', 'url'])
  checkOrigin(result?.url, ['result', 'url'])
  if (!isIdOnly(templateOf(poll.url))) onProblem([...path, 'poll', 'url'], 'may hold `{id}` and no other field')
  if (poll.up_to !== undefined && poll.up_to < poll.every)
    onProblem([...path, 'poll', 'up_to'], 'is shorter than `every`')
  const both = failed.find((value) => state.done.includes(value))
  if (both !== undefined) onProblem([...path, 'state', 'failed'], `has \`${both}\`, which \`done\` has too`)
  if (result && (result.field === undefined) === (result.url === undefined))
    onProblem([...path, 'result'], 'needs either `field` or `url`')
  if (result?.url !== undefined && (result.as !== undefined || result.content_type !== undefined))
    onProblem([...path, 'result'], '`as` and `content_type` are for a `field`; what a URL gives says its type itself')
  return {
    id:
      typeof id === 'string'
        ? atField(id)
        : 'field' in id
          ? atField(id.field)
          : { kind: 'header', name: id.header.toLowerCase() },
    poll: {
      url: templateOf(poll.url),
      everyMs: poll.every,
      upToMs: poll.up_to ?? poll.every,
      timeoutMs: poll.timeout,
    },
    state: { path: pathOf(state.field), done: state.done, failed },
    result: readResult(result),
    origins,
  }
}

function readResult(result: UpstreamJobInput['result']): UpstreamJobConfig['result'] {
  if (result?.url !== undefined) return { kind: 'url', url: templateOf(result.url) }
  if (result?.field === undefined) return { kind: 'answer' }
  const as = result.as ?? 'json'
  return { kind: 'field', path: pathOf(result.field), as, contentType: result.content_type ?? contentTypes[as] }
}

const atField = (text: string) => ({ kind: 'field', path: pathOf(text) }) as const
const pathOf = (text: string): AnswerPath => parseAnswerPath(text) ?? []
const templateOf = (text: string): UrlTemplate => parseUrlTemplate(text) ?? [{ kind: 'field', path: [idField] }]
