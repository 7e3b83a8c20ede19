import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createExecutionLog } from '#src/demo/execution-log.ts'
import { createMediaStore } from '#src/demo/media-store.ts'
import { seeds, startDemo } from './call.ts'

describe('the sample services', () => {
  test('say that they are well', async () => {
    await using demo = await startDemo()
    expect((await fetch(`${demo.base}/healthz`)).status).toBe(200)
    expect((await fetch(`${demo.base}/healthz`, { method: 'HEAD' })).status).toBe(200)
  })

  test('give media the public address they were told', async () => {
    await using demo = await startDemo({ publicBase: 'https://pay.example/media' })
    const answer = (await (await demo.post('/generate-video', { ...seeds.video, duration: 3 })).json()) as {
      videoUrl: string
    }
    expect(answer.videoUrl).toMatch(/^https:\/\/pay\.example\/media\/film-[0-9a-f]{20}\.gif$/)
  })

  test('log each execution with what tells two of them apart', async () => {
    await using demo = await startDemo()
    const body = JSON.stringify(seeds.text)
    await demo.post('/generate-text', body, { 'idempotency-key': 'payment-1' })
    await demo.post('/generate-text', '{')
    expect(await demo.log()).toEqual([
      {
        route: '/generate-text',
        bodySha256: createHash('sha256').update(body).digest('hex'),
        idempotencyKey: 'payment-1',
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        endedAt: expect.stringMatching(/^\d{4}-.*Z$/),
        status: 200,
      },
      expect.objectContaining({ idempotencyKey: null, status: 400 }),
    ])
  })

  test.for([
    ['GET', '/generate-music', 405, 'POST'],
    ['PUT', '/voice-clone', 405, 'POST'],
    ['POST', '/healthz', 405, 'GET, HEAD'],
    ['POST', '/nothing', 404, null],
    ['GET', '/', 404, null],
    ['GET', '/media/', 404, null],
    ['GET', '/media/film-00000000000000000000.gif', 404, null],
    ['GET', '/media/../main.ts', 404, null],
    ['POST', '/constructor', 404, null],
    ['POST', '/__proto__', 404, null],
  ] as const)('answer %s %s with %i', async ([method, path, status, allow]) => {
    await using demo = await startDemo()
    const response = await fetch(demo.base + path, { method })
    expect(response.status).toBe(status)
    expect(response.headers.get('allow')).toBe(allow)
    expect(await response.json()).toEqual({ error: expect.any(String) })
  })

  test.for([
    ['/generate-music', {}],
    ['/generate-music', { prompt: ' ' }],
    ['/generate-music', { prompt: 'x', sample_rate: 1 }],
    ['/generate-music', { prompt: 'x', sample_rate: '44100' }],
    ['/generate-music', { prompt: 'x', audio_format: 'flac' }],
    ['/generate-music', { prompt: 'x', lyrics: 5 }],
    ['/music', null],
    ['/music', '['.repeat(500_000)],
    ['/music', []],
    ['/music', '"text"'],
    ['/voice-clone', {}],
    ['/voice-clone', { voice_file: 42 }],
    ['/voice-clone', { voice_file: 'https://example.com/a.mp3', model: 'speech-01' }],
    ['/voice-clone', { voice_file: 'https://example.com/a.mp3', accuracy: 1.1 }],
    ['/generate-video', { prompt: 'x', duration: 16 }],
    ['/generate-video', { prompt: 'x', duration: 'five' }],
    ['/generate-video', { prompt: 'x', mode: 'toString' }],
    ['/generate-text', {}],
    ['/generate-text', { input: [] }],
    ['/generate-text', { input: [null] }],
    ['/generate-text', { input: [{ role: 'user' }] }],
    ['/generate-text', { input: [{ role: 'assistant', content: 'alone' }] }],
    ['/generate-text', { ...seeds.text, imageData: 'data:image/png;base64,AAAA' }],
    ['/generate-text', { ...seeds.text, imageData: 'https://example.com/a.png' }],
    ['/generate-text', { ...seeds.text, fileContext: 7 }],
    ['/generate-text', ''],
    ['/generate-text', '\u0000'],
  ] as const)('refuse what they cannot work with: %s %j', async ([path, body]) => {
    await using demo = await startDemo()
    const response = await demo.post(path, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.any(String) })
    expect((await fetch(`${demo.base}/healthz`)).status).toBe(200)
  })

  test('read 20 MiB and no more', async () => {
    await using demo = await startDemo()
    const frame = JSON.stringify({ ...seeds.text, ignored: '' }).length
    const fitting = { ...seeds.text, ignored: 'x'.repeat(20 * 1024 * 1024 - frame) }
    expect((await demo.post('/generate-text', fitting)).status).toBe(200)
    const tooLong = { ...fitting, ignored: `${fitting.ignored}x` }
    expect((await demo.post('/generate-text', tooLong)).status).toBe(413)
  })

  test('survive callers who send garbage or leave in the middle of a body', async () => {
    await using demo = await startDemo()
    const { port } = new URL(demo.base)
    for (const bytes of [
      '\x16\x03\x01\x02',
      'POST /music HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"prompt"',
      'GET http:// HTTP/1.1\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(bytes, () => setTimeout(() => socket.destroy(), 20)),
        )
        socket.once('close', () => resolve())
      })
    }
    expect((await fetch(`${demo.base}/healthz`)).status).toBe(200)
    expect(await demo.log()).toEqual([])
  })
})

describe('media', () => {
  test.for([
    ['bytes=0-3', 206, 'bytes 0-3/', 'RIFF'],
    ['bytes=8-11', 206, 'bytes 8-11/', 'WAVE'],
    ['bytes=-4', 206, 'bytes ', undefined],
    ['bytes=99999999-', 416, 'bytes */', ''],
    ['bytes=-0', 416, 'bytes */', ''],
    ['bytes=5-1', 200, null, undefined],
    ['bytes=0-1,3-4', 200, null, undefined],
    ['lines=1-2', 200, null, undefined],
  ] as const)('are served for Range: %s with %i', async ([range, status, contentRange, text]) => {
    await using demo = await startDemo()
    const { url, file } = await demo.generate('/voice-clone', seeds.voice, 'sampleUrl')
    const response = await fetch(url, { headers: { range } })
    expect(response.status).toBe(status)
    const body = Buffer.from(await response.arrayBuffer())
    expect(response.headers.get('content-length')).toBe(String(body.length))
    if (contentRange === null) {
      expect(body).toEqual(file)
      return
    }
    expect(response.headers.get('content-range')).toContain(contentRange)
    expect(response.headers.get('content-range')).toContain(`/${file.length}`)
    if (text !== undefined) expect(body.toString('latin1')).toBe(text)
    else expect(body).toEqual(file.subarray(-4))
  })

  test('are described by HEAD as GET would send them', async () => {
    await using demo = await startDemo()
    const { url, file } = await demo.generate('/voice-clone', seeds.voice, 'sampleUrl')
    const response = await fetch(url, { method: 'HEAD' })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'audio/wav',
      'content-length': String(file.length),
      'accept-ranges': 'bytes',
    })
    expect((await response.arrayBuffer()).byteLength).toBe(0)
  })

  test('are sent whole when they are not what If-Range names', async () => {
    await using demo = await startDemo()
    const { url } = await demo.generate('/voice-clone', seeds.voice, 'sampleUrl')
    const etag = (await fetch(url)).headers.get('etag') ?? ''
    const status = async (ifRange: string) =>
      (await fetch(url, { headers: { range: 'bytes=0-3', 'if-range': ifRange } })).status
    expect(await status(etag)).toBe(206)
    expect(await status('"other"')).toBe(200)
  })

  test('go when there is no room, those unused for longest first', () => {
    const store = createMediaStore(30)
    const put = (name: string) => store.put({ name, contentType: 'text/plain', bytes: Buffer.alloc(10) })
    for (const name of ['a', 'b', 'c']) put(name)
    store.get('a')
    put('d')
    put('d')
    expect(['a', 'b', 'c', 'd'].filter((name) => store.get(name) !== undefined)).toEqual(['a', 'c', 'd'])
    store.put({ name: 'huge', contentType: 'text/plain', bytes: Buffer.alloc(100) })
    expect(['a', 'c', 'd', 'huge'].filter((name) => store.get(name) !== undefined)).toEqual(['huge'])
  })

  test('make the log forget its oldest entries, not grow', () => {
    const log = createExecutionLog(2)
    for (const route of ['/a', '/b', '/c']) log.start({ route, bodySha256: '', idempotencyKey: null })
    expect(log.toJsonLines().match(/\/[abc]/g)).toEqual(['/b', '/c'])
  })
})
