/** Bodies made to keep a reader busy, of about as many bytes as asked for. */
export interface HeavyBody {
  readonly name: string
  /** The service of {@link heavyServices} that it is sent to. */
  readonly path: string
  readonly make: (bytes: number) => string | Buffer
  /** Of multipart/form-data. */
  readonly boundary?: string
}

/** What judges them: schemas and prices of the kinds that look at every item. */
export const heavyServices = (upstream: string, maxBytes: string): string => `services:
  POST /text:
    upstream: ${upstream}
    price: { per_char: { of: [prompt, items.*.text], rate: 1 sat / 1000000 chars }, max: 100 }
    request: { max_bytes: ${maxBytes}, schema: { type: object, properties: { prompt: { type: string }, items: { type: array, items: { type: object, properties: { text: { type: string } } } } } } }
  POST /sum:
    upstream: ${upstream}
    price: { per_unit: { of: items.*.seconds, rate: 1 }, max: 100 }
    request: { max_bytes: ${maxBytes} }
  POST /any:
    upstream: ${upstream}
    price: { flat: 1 }
    request: { max_bytes: ${maxBytes}, schema: { type: object, properties: { items: { type: array, items: { anyOf: [{ type: string }, { type: object, required: [a] }] } } } } }
  POST /tree:
    upstream: ${upstream}
    price: { flat: 1 }
    request: { max_bytes: ${maxBytes}, schema: { type: object, $defs: { node: { type: object, required: [name], properties: { name: { type: string }, next: { $ref: "#/$defs/node" } } } }, properties: { items: { type: array, items: { $ref: "#/$defs/node" } } } } }
  POST /set:
    upstream: ${upstream}
    price: { flat: 1 }
    request: { max_bytes: ${maxBytes}, schema: { type: object, properties: { items: { type: array, uniqueItems: true } } } }
  POST /form:
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 1 sat / 1000000 chars }, max: 100 }
    request: { max_bytes: ${maxBytes}, content_type: multipart/form-data }
`

const repeated = (unit: string, bytes: number): string => unit.repeat(Math.floor(bytes / unit.length))

/** `make` gives each item its number. */
function listed(bytes: number, make: (index: number) => string): string {
  const items: string[] = []
  for (let length = 0, index = 0; length < bytes; index++) {
    const item = make(index)
    items.push(item)
    length += item.length + 1
  }
  return items.join(',')
}

const items = (bytes: number, make: (index: number) => string): string => `{"items":[${listed(bytes, make)}]}`
const seventy = 'a'.repeat(69)

function form(boundary: string, inside: string): string {
  const head = 'Content-Disposition: form-data; name="prompt"\r\n\r\n'
  return `--${boundary}\r\n${head}${inside}\r\n--${boundary}--\r\n`
}

export const heavyBodies: readonly HeavyBody[] = [
  { name: 'one string', path: '/text', make: (bytes) => `{"prompt":"${repeated('x', bytes)}"}` },
  { name: 'one string of escaped quotes', path: '/text', make: (bytes) => `{"prompt":"${repeated('\\"', bytes)}"}` },
  { name: 'one string of backslashes', path: '/text', make: (bytes) => `{"prompt":"${repeated('\\\\', bytes)}"}` },
  { name: 'one string that does not end', path: '/text', make: (bytes) => `{"prompt":"${repeated('\\"', bytes)}` },
  { name: 'one string of surrogates', path: '/text', make: (bytes) => `{"prompt":"${repeated('😀', bytes / 2)}"}` },
  { name: 'spaces', path: '/text', make: (bytes) => `{"prompt":${repeated(' ', bytes)}""}` },
  { name: 'depth', path: '/text', make: (bytes) => `{"prompt":${repeated('[', bytes)}` },
  { name: 'a huge key', path: '/text', make: (bytes) => `{"${repeated('k', bytes)}":1}` },
  { name: 'many keys', path: '/text', make: (bytes) => `{${listed(bytes, (index) => `"k${index}":0`)}}` },
  {
    name: 'many numbers as keys',
    path: '/sum',
    make: (bytes) => `{${listed(bytes, (index) => `"${index * 16411}":0`)}}`,
  },
  {
    name: 'many keys that look alike',
    path: '/sum',
    make: (bytes) => `{${listed(bytes, (index) => `"${'iIıİ'.charAt(index & 3)}tems${index}":0`)}}`,
  },
  { name: 'many zeros', path: '/text', make: (bytes) => items(bytes, () => '0') },
  { name: 'many nulls', path: '/text', make: (bytes) => items(bytes, () => 'null') },
  { name: 'many small lists', path: '/text', make: (bytes) => items(bytes, () => '[[[]]]') },
  { name: 'many texts with a price', path: '/text', make: (bytes) => items(bytes, () => '{"text":"x"}') },
  {
    name: 'many numbers with a price, of different length',
    path: '/sum',
    make: (bytes) => items(bytes, (index) => (index % 2 === 0 ? '{"seconds":0.1}' : '{"seconds":1e-300}')),
  },
  { name: 'many wrong numbers with a price', path: '/sum', make: (bytes) => items(bytes, () => '{"seconds":"x"}') },
  { name: 'many items that fit no branch', path: '/any', make: (bytes) => items(bytes, () => '0') },
  { name: 'many items that a reference refuses', path: '/tree', make: (bytes) => items(bytes, () => '{}') },
  { name: 'many different items', path: '/set', make: (bytes) => items(bytes, (index) => `{"n":${index}}`) },
  {
    name: 'a form of what is nearly the boundary',
    path: '/form',
    boundary: `${seventy}b`,
    make: (bytes) => form(`${seventy}b`, repeated(`\r\n--${seventy}`, bytes)),
  },
  {
    name: 'a form of what the gateway nearly keeps for itself',
    path: '/form',
    boundary: 'x',
    make: (bytes) => form('x', repeated('turnpike-canonical-boundary-d41d8cd98f00b20', bytes)),
  },
  {
    name: 'a form of empty parts',
    path: '/form',
    boundary: 'x',
    make: (bytes) =>
      `--x\r\n${repeated('Content-Disposition: form-data; name="a"\r\n\r\n\r\n--x\r\n', bytes)}Content-Disposition: form-data; name="a"\r\n\r\n\r\n--x--\r\n`,
  },
]

export const mediaTypeOf = ({ boundary }: HeavyBody): string =>
  boundary === undefined ? 'application/json' : `multipart/form-data; boundary="${boundary}"`
