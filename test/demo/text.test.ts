import { describe, expect, test } from 'vitest'
import { encodeGif } from '#src/demo/gif.ts'
import { seeds, startDemo } from './call.ts'

const ask = (...contents: readonly string[]) => ({
  input: contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content })),
})

async function answerTo(body: object): Promise<string> {
  await using demo = await startDemo()
  const response = await demo.post('/generate-text', body)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  return response.text()
}

describe('a text', () => {
  test('goes on with the story of the conversation, with its hero and what it loves', async () => {
    const text = await answerTo(seeds.text)
    expect(text).toContain('little bird')
    expect(text).toMatch(/\bsing\b/)
    expect(text.split(/[.!?]\s/).length).toBeGreaterThan(4)
  })

  test('begins a story about what was asked for', async () => {
    const text = await answerTo(ask('Tell me a story about a dragon and a lighthouse keeper'))
    expect(text).toContain('dragon')
    expect(text).toContain('lighthouse keeper')
  })

  test('is the same for the same conversation and another for another', async () => {
    const other = { input: [...seeds.text.input.slice(0, 2), { role: 'User', content: 'How does it end?' }] }
    expect(await answerTo(seeds.text)).toBe(await answerTo(seeds.text))
    expect(await answerTo(other)).not.toBe(await answerTo(seeds.text))
    expect(await answerTo(other)).toMatch(/The end\.$/)
  })

  test('fails where it is told to', async () => {
    await using demo = await startDemo()
    expect((await demo.post('/generate-text', ask('[fail] a story of a bird'))).status).toBe(500)
    expect((await demo.post('/generate-text', ask('[fail] a story', 'No.', 'a story'))).status).toBe(200)
    expect((await demo.post('/generate-music', { prompt: '[fail] a song' })).status).toBe(500)
  })

  test('takes roles in any case and a bare string', async () => {
    expect(await answerTo({ input: [{ role: 'USER', content: 'test' }] })).toContain('test')
    expect(await answerTo({ input: 'What is 6 x 7?' })).toBe('6 × 7 = 42.')
  })

  test.for([
    ['Write a haiku about bitcoin', /^Bitcoin.*\n.+\n.+$/],
    ['What is 12.5 * 8?', /^12\.5 × 8 = 100\.$/],
    ['1 / 0', /cannot be divided/],
    ['Give me three names for a coffee shop', /^1\. .*\n2\. .*\n3\. .*$/],
    ['Hello', /^Hello!/],
    ['How does the Lightning Network make small payments possible?', /lightning[\s\S]*network/i],
    ['日本の話をして', /日本の話をして/],
  ] as const)('answers "%s" in kind', async ([question, expected]) => {
    expect(await answerTo(ask(question))).toMatch(expected)
  })

  test('sums a document up in its own sentences', async () => {
    const sentences = [
      'The bridge over the river was closed for repairs in March.',
      'Engineers found cracks in two of the bridge pillars.',
      'Lunch in the canteen was soup.',
      'The repairs of the bridge will cost four million.',
      'A spokesman wore a green tie.',
      'Until then, cars cross the river by ferry.',
    ]
    const body = { ...ask('Summarize this document'), fileContext: sentences.join(' '), fileName: 'report.pdf' }
    const text = await answerTo(body)
    expect(text).toMatch(/^report\.pdf has \d+ words in 6 sentences\. It mostly speaks of bridge \(3\)/)
    const quoted = sentences.filter((sentence) => text.includes(sentence))
    expect(quoted.length).toBeGreaterThan(0)
    expect(quoted.length).toBeLessThan(4)
    expect(quoted).not.toContain('Lunch in the canteen was soup.')
    const pointed = await answerTo({ ...body, ...ask('How do cars cross?') })
    expect(pointed).toContain('Until then, cars cross the river by ferry.')
  })

  const images: Readonly<Record<string, string>> = {
    'PNG of 640 × 480 pixels': '89504e470d0a1a0a0000000d4948445200000280000001e008060000000000000000',
    'JPEG of 300 × 200 pixels': 'ffd8ffe000104a46494600010100000100010000ffc0000b0800c8012c01011100',
    'WebP of 800 × 600 pixels': '524946460000000057454250565038580a000000100000001f0300570200',
  }

  test.for(Object.entries(images))('names the format and size of a %s', async ([expected, hex]) => {
    const type = expected.split(' ', 1)[0]?.toLowerCase()
    const imageData = `data:image/${type};base64,${Buffer.from(hex, 'hex').toString('base64')}`
    expect(await answerTo({ ...ask('What is in this image?'), imageData })).toContain(expected)
  })

  test('names the format and size of a GIF', async () => {
    const frame = { left: 0, top: 0, width: 3, height: 2, pixels: new Uint8Array(6), delay: 1 }
    const gif = encodeGif({ width: 3, height: 2, palette: [[0, 0, 0]], transparentIndex: 0, frames: [frame] })
    const imageData = `data:image/gif;base64,${gif.toString('base64')}`
    expect(await answerTo({ ...ask('What is this?'), imageData })).toContain('GIF of 3 × 2 pixels')
  })

  test('comes word by word to a caller that accepts an event stream', async () => {
    await using demo = await startDemo()
    const whole = await (await demo.post('/generate-text', seeds.text)).text()
    const response = await demo.post('/generate-text', seeds.text, { accept: 'text/event-stream' })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const events = (await response.text()).split('\n\n').filter((event) => event !== '')
    expect(events.pop()).toBe('data: [DONE]')
    expect(events.length).toBeGreaterThan(20)
    const words = events.map((event) => (JSON.parse(event.replace('data: ', '')) as { text: string }).text)
    expect(words.join('')).toBe(whole)
  })

  test('stops when the reader of its stream leaves', async () => {
    await using demo = await startDemo()
    const response = await demo.post('/generate-text', seeds.text, { accept: 'text/event-stream' })
    await response.body?.cancel()
    await expect.poll(async () => (await demo.log())[0]?.endedAt).not.toBeNull()
    expect(await demo.log()).toMatchObject([{ status: null }])
  })

  test.for([
    'a'.repeat(1_000_000),
    '\n'.repeat(1_000_000),
    ' '.repeat(1_000_000),
    'the bird '.repeat(200_000),
    'a story of a '.repeat(100_000),
    '1'.repeat(1_000_000),
    '1+'.repeat(500_000),
    '. '.repeat(500_000),
    '- '.repeat(500_000),
    'names for '.repeat(100_000),
  ])('is written in little time whatever was said (case %#)', async (content) => {
    await using demo = await startDemo()
    const started = performance.now()
    for (const question of ['A story about it', 'A haiku', 'So?', content]) {
      const response = await demo.post('/generate-text', ask('Tell me a story', content, question))
      expect((await response.text()).length).toBeLessThan(5000)
    }
    await demo.post('/generate-text', { ...ask('Summarize'), fileContext: content })
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
