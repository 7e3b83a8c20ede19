import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory, turnpike } from './run.ts'

const good = `
services:
  POST api.example.com/songs:
    name: songs
    upstream: http://127.0.0.1:9000/song
    price: { duration: { of: seconds, rate: 2.5, min: 20 } }
    request:
      schema:
        type: object
        properties: { prompt: { type: string }, seconds: { type: integer, minimum: 1, default: 60 } }
    examples:
      - title: Short
        body: { prompt: a waltz, seconds: 3 }
      - body: { prompt: a waltz }
  GET /files/*: { name: files, upstream: "http://127.0.0.1:9001", price: free }
`

const bad = `
listen: 8402
services:
  /songs:
    upstrem: http://127.0.0.1:9000
    price: { flat: 0 }
`

describe('turnpike check', () => {
  test('shows what would be sold, by whom it is served, and what each example costs', async () => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'gateway.yaml'), good)
    const { code, stdout, stderr } = await turnpike(['check'], { cwd: directory.path })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`gateway.yaml is good. On 127.0.0.1:8402 it would sell:

POST api.example.com/songs  →  http://127.0.0.1:9000/song
  songs: 2.5 sats per second, at least 20 sats
  example “Short”: 20 sats
    3 s × 2.5 sats, minimum 20 sats
  example: 150 sats
    60 s × 2.5 sats

GET,HEAD /files/*  →  http://127.0.0.1:9001/files/*
  files: free

`)
  })

  test('says the same as JSON', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'shop.yaml')
    writeFileSync(file, good)
    const { code, stdout } = await turnpike(['check', '--config', file, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      file,
      services: [
        {
          name: 'songs',
          rev: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
          methods: ['POST'],
          host: 'api.example.com',
          path: '/songs',
          upstream: 'http://127.0.0.1:9000/song',
          price: '2.5 sats per second, at least 20 sats',
          examples: [
            { title: 'Short', price: '20 sats', amountMsat: 20_000, lines: ['3 s × 2.5 sats, minimum 20 sats'] },
            { price: '150 sats', amountMsat: 150_000, lines: ['60 s × 2.5 sats'] },
          ],
        },
        {
          name: 'files',
          rev: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
          methods: ['GET', 'HEAD'],
          path: '/files/*',
          upstream: 'http://127.0.0.1:9001/files/*',
          price: 'free',
          examples: [],
        },
      ],
    })
  })

  test('names what a route that takes many paths leaves to others', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'gateway.yaml')
    const upstream = 'upstream: "http://127.0.0.1:9001"'
    writeFileSync(
      file,
      `
services:
  POST /v1/images: { name: images, ${upstream}, price: { flat: 9 } }
  GET /v2/report: { name: report, ${upstream}, price: { flat: 9 } }
  /v1/*: { name: rest, ${upstream}, price: free }
  GET /v1/docs/*: { name: docs, ${upstream}, price: free }
  GET /v2/:page: { name: site, ${upstream}, price: { flat: 1 } }
  GET /v1/images: { name: shown, upstream: "http://127.0.0.1:9002/v1/images", price: { flat: 9 } }
`,
    )
    const { stdout, stderr } = await turnpike(['check', '-c', file])
    expect(stderr).toBe('')
    const told = stdout.split('\n\n').map((block) => [block.match(/^ {2}(\w+):/m)?.[1], block.match(/404 .*/)?.[0]])
    expect(Object.fromEntries(told)).toMatchObject({
      rest: '404 for every other spelling of: images',
      site: '404 for every other spelling of: report',
      images: undefined,
      docs: undefined,
      shown: undefined,
    })
    const { services } = JSON.parse((await turnpike(['check', '-c', file, '--json'])).stdout) as {
      services: { name: string; notFoundFor?: string[] }[]
    }
    expect(services.flatMap(({ name, notFoundFor }) => (notFoundFor ? [[name, ...notFoundFor]] : []))).toEqual([
      ['rest', 'images'],
      ['site', 'report'],
    ])
  })

  test('says of a key that lacks the slash of its path for whom it is', async () => {
    using directory = temporaryDirectory()
    const file = join(directory.path, 'gateway.yaml')
    const sold = '{ upstream: "http://127.0.0.1:9001", price: { flat: 9 } }'
    writeFileSync(file, `services:\n  v1/images: ${sold}\n  POST api.example.com/songs: ${sold}\n  /talks: ${sold}\n`)
    const { stdout } = await turnpike(['check', '-c', file])
    const [images, songs, talks] = stdout.split('\n\n').slice(1)
    expect(images).toContain('only for requests to the host v1; for a path of every host write `/v1/…`')
    expect([songs, talks].join()).not.toContain('only for')
  })

  test('every problem of a bad file goes to standard error, with its place', async () => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'bad.yaml'), bad)
    const { code, stdout, stderr } = await turnpike(['check', '-c', 'bad.yaml', '--json'], { cwd: directory.path })
    expect([code, stdout]).toEqual([2, ''])
    const lines = stderr.trim().split('\n')
    expect(lines.map((line) => line.split('  ')[0])).toEqual([
      'bad.yaml:2:9',
      'bad.yaml:4:3',
      'bad.yaml:5:5',
      'bad.yaml:6:20',
      '4 problems in bad.yaml',
    ])
  })

  test('says what `serve` would refuse: the development wallet where others can reach it', async () => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'gateway.yaml'), `listen: 0.0.0.0:8402\n${good}`)
    const { code, stderr } = await turnpike(['check'], { cwd: directory.path })
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^The development wallet moves no money, and 0\.0\.0\.0 can/),
    ])
  })

  test('a file that is not there is a problem like any other', async () => {
    const { code, stderr } = await turnpike(['check', '--config', '/no/such/gateway.yaml'])
    expect(code).toBe(2)
    expect(stderr).toBe(
      '/no/such/gateway.yaml:1:1  cannot be read: there is no such file\n1 problem in /no/such/gateway.yaml\n',
    )
  })

  test('values of the environment are used', async () => {
    using directory = temporaryDirectory()
    writeFileSync(join(directory.path, 'gateway.yaml'), good.replaceAll('127.0.0.1:9000', '${BACKEND}'))
    const set = await turnpike(['check'], { cwd: directory.path, environment: { BACKEND: '10.0.0.7:80' } })
    expect(set.stdout).toContain('→  http://10.0.0.7/song')
    const unset = await turnpike(['check'], { cwd: directory.path })
    expect([unset.code, unset.stderr]).toEqual([2, expect.stringContaining('`${BACKEND}` is not set')])
    expect(unset.stderr).toMatch(/\n1 problem in gateway\.yaml\n$/)
  })
})
