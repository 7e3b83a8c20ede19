import { describe, expect, test } from 'vitest'
import { SchemaCompiler } from '#src/catalog/validator.ts'

const text = { type: 'string' }
const message = {
  type: 'object',
  properties: { role: text, content: text, name: text },
  required: ['role', 'content'],
}
const list = (items: unknown) => ({ type: 'object', properties: { input: { type: 'array', items } } })
const choice = new SchemaCompiler().compile(list({ anyOf: [text, message] }), 'reject')
const plain = new SchemaCompiler().compile(list(message), 'reject')

function msToJudge(validate: typeof plain, value: unknown): number {
  const begunMs = performance.now()
  expect(validate(value).ok).toBe(false)
  return performance.now() - begunMs
}

describe('a value of which every part is wrong', () => {
  test('is judged about as fast as it was read, however many parts it has', () => {
    // 16 kB of JSON, and 2 MB of it.
    expect(msToJudge(choice, { input: Array(8_000).fill(1) })).toBeLessThan(500)
    expect(msToJudge(plain, { input: Array(1_000_000).fill(1) })).toBeLessThan(500)
  })

  test('costs little where all its issues are looked for', () => {
    for (let round = 0; round < 50; round++) choice({ input: Array(900).fill(1) })
    expect(msToJudge(choice, { input: Array(900).fill(1) })).toBeLessThan(50)
  })

  test('has its issues told up to a size, and its first one beyond', () => {
    const issues = (items: number) => {
      const judged = plain({ input: Array.from({ length: items }, () => ({ role: 'User' })) })
      return judged.ok ? [] : judged.issues
    }
    expect(issues(20)).toHaveLength(20)
    expect(issues(400)).toHaveLength(32)
    expect(issues(4_000)).toEqual([{ path: '$.input[0].content', message: 'is missing' }])
  })

  test('says of what alternatives expect of it', () => {
    const judged = choice({ input: ['fine', 1, {}] })
    expect(judged.ok ? [] : judged.issues).toEqual([
      { path: '$.input[1]', message: 'must be string, or must be object' },
      {
        path: '$.input[2]',
        message: "must be string, or must have required property 'role', or must have required property 'content'",
      },
    ])
  })
})

describe('null where it is forbidden counts as absent', () => {
  const conversation = (length: number) => ({
    input: Array.from({ length }, () => ({ role: 'User', content: 'Hi', name: null })),
  })

  test.for([1, 100, 5_000])('in each of %i items', (length) => {
    const given = conversation(length)
    const judged = plain(given)
    expect(judged.ok && judged.value).toEqual({
      input: Array.from({ length }, () => ({ role: 'User', content: 'Hi' })),
    })
  })
})

describe('items that have to differ', () => {
  const differing = new SchemaCompiler().compile({ type: 'array', uniqueItems: true }, 'reject')

  test('are compared about as fast as they were read', () => {
    const items = Array.from({ length: 30_000 }, (_each, index) => ({ at: index, tags: [index] }))
    const begunMs = performance.now()
    expect(differing(items).ok).toBe(true)
    expect(differing([...items, { tags: [7], at: 7 }]).ok).toBe(false)
    expect(performance.now() - begunMs).toBeLessThan(1_500)
  })

  test.for([
    [[1, '1', true, null, [], {}, [1], { a: 1 }, { a: '1' }], true],
    [[[], {}, '[]', '{}', 'null', null], true],
    [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      false,
    ],
    [[1, 1.0], false],
    [['a', 'b', 'a'], false],
    [
      [
        [1, 2],
        [2, 1],
      ],
      true,
    ],
    [[null, null], false],
  ] as const)('%j: %j', ([items, ok]) => {
    expect(differing(structuredClone(items)).ok).toBe(ok)
  })
})
