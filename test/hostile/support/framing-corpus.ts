/** A request that is going to be written in a hostile way. */
export interface Draft {
  readonly method: string
  readonly target: string
  readonly host: string
  /** Without line breaks; Host is not among them. */
  readonly headers: readonly string[]
  readonly body: string
  /** Another whole request, which must never be one. */
  readonly smuggled: string
}

export interface Case {
  readonly name: string
  /** The bytes, or pieces that are sent one after the other. */
  readonly write: (draft: Draft) => string | readonly string[]
  /** `served`: one request, with exactly the body. `refused`: nothing reaches the upstream. */
  readonly outcome: 'served' | 'refused'
  /** The status of the refusal; undefined: the connection is closed without any. */
  readonly status?: number | undefined
}

const head = ({ method, target, host, headers }: Draft, more: readonly string[], version = 'HTTP/1.1'): string =>
  [`${method} ${target} ${version}`, `Host: ${host}`, ...headers, ...more, '', ''].join('\r\n')
const length = ({ body }: Draft): string => `Content-Length: ${body.length}`
const chunked = 'Transfer-Encoding: chunked'
const chunk = (text: string, extension = ''): string => `${text.length.toString(16)}${extension}\r\n${text}\r\n`
const inChunks = ({ body }: Draft, extension = ''): string =>
  `${chunk(body.slice(0, 3), extension)}${chunk(body.slice(3), extension)}0\r\n\r\n`

const served = (name: string, write: Case['write']): Case => ({ name, write, outcome: 'served' })
const refused = (name: string, write: Case['write'], status = 400): Case => ({
  name,
  write,
  outcome: 'refused',
  status,
})

/** Values of Transfer-Encoding that some servers take for `chunked`, and others do not. */
const codings = [
  'gzip, chunked',
  'chunked, chunked',
  'chunked, identity',
  'identity, chunked',
  'identity',
  'xchunked',
  'chunked-false',
  'chunked;q=1',
  'chunked ;x',
  '"chunked"',
  "'chunked'",
  '\x0bchunked',
  '\x0cchunked',
  'chunked\x0b',
  'chunked\0',
  'chu\x01nked',
  ',chunked',
  'chunked,',
  'cow',
  '',
  '\xa0chunked',
  'chünked',
]

/** Header lines that some servers take for a Transfer-Encoding or Content-Length line, and others do not. */
const lines = [
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding\n: chunked',
  'Transfer-Encoding:\n chunked',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding\0: chunked',
  'Content-Length : 4',
  'Content-Length: +4',
  'Content-Length: -4',
  'Content-Length: 0x4',
  'Content-Length: 4, 4',
  'Content-Length: 4 4',
  'Content-Length: 4.0',
  'Content-Length: 1e1',
  'Content-Length: \x0b4',
  'Content-Length:\r\n 4',
  'Content-Length: 18446744073709551620',
  'Content-Length: 4\r\nContent-Length: 5',
  'Content-Length: 4\r\nContent-Length: 4',
]

export const framingCases: readonly Case[] = [
  served('a plain length', (draft) => head(draft, [length(draft)]) + draft.body),
  served('chunks', (draft) => head(draft, [chunked]) + inChunks(draft)),
  served('chunks with an extension', (draft) => head(draft, [chunked]) + inChunks(draft, ';a=b')),
  served('chunks with a quoted extension', (draft) => head(draft, [chunked]) + inChunks(draft, ';a="b c"')),
  served('chunks in another case', (draft) => head(draft, ['tRANSFER-eNCODING: Chunked']) + inChunks(draft)),
  served('chunk sizes with zeros', (draft) => `${head(draft, [chunked])}000${chunk(draft.body)}0\r\n\r\n`),
  served('chunks one at a time', (draft) => [
    head(draft, [chunked]),
    chunk(draft.body.slice(0, 3)),
    chunk(draft.body.slice(3)),
    '0\r\n\r\n',
  ]),
  served('chunks and a trailer', (draft) =>
    [head(draft, [chunked]), chunk(draft.body), '0\r\nX-Original-URL: /make\r\nHost: evil.example\r\n\r\n'].join(''),
  ),
  served('Expect: 100-continue', (draft) => [head(draft, ['Expect: 100-continue', length(draft)]), draft.body]),
  served('Expect: 100-continue with the body at once', (draft) =>
    [head(draft, ['eXpect: 100-Continue', length(draft)]), draft.body].join(''),
  ),
  served('two spaces after the target', (draft) => head(draft, [length(draft)], ' HTTP/1.1') + draft.body),
  served('HTTP/1.0', (draft) => head(draft, [length(draft)], 'HTTP/1.0') + draft.body),
  served('an upgrade that is not offered', (draft) =>
    [
      head(draft, ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMA', length(draft)]),
      draft.body,
    ].join(''),
  ),
  served('__proto__ and its like as headers', (draft) =>
    [head(draft, ['__proto__: 1', 'constructor: 2', 'toString: 3', '__proto__: 4', length(draft)]), draft.body].join(
      '',
    ),
  ),
  refused('another expectation', (draft) => [head(draft, ['Expect: 200-ok', length(draft)]), draft.body], 417),
  refused('chunks in HTTP/1.0', (draft) => head(draft, [chunked], 'HTTP/1.0') + inChunks(draft)),
  refused('length, then chunks', (draft) => `${head(draft, [length(draft), chunked])}0\r\n\r\n${draft.smuggled}`),
  refused('chunks, then length', (draft) => `${head(draft, [chunked, 'Content-Length: 3'])}0\r\n\r\n${draft.smuggled}`),
  refused('a length in a trailer', (draft) => `${head(draft, [chunked])}0\r\nContent-Length: 3\r\n\r\n`),
  refused('an extension with a line feed', (draft) => head(draft, [chunked]) + inChunks(draft, ';a\n')),
  refused('an extension with a carriage return', (draft) => head(draft, [chunked]) + inChunks(draft, ';\r')),
  refused('an extension in an open quote', (draft) => head(draft, [chunked]) + inChunks(draft, ';a="b')),
  refused('a chunk size with a sign', (draft) => `${head(draft, [chunked])}+${inChunks(draft)}`),
  refused('a chunk size in 0x', (draft) => `${head(draft, [chunked])}0x${inChunks(draft)}`),
  refused('a chunk size beyond 64 bits', (draft) => `${head(draft, [chunked])}10000000000000000${inChunks(draft)}`),
  refused('a chunk that ends in a line feed', (draft) => `${head(draft, [chunked])}3\r\nabc\n0\r\n\r\n`),
  refused('a chunk longer than it says', (draft) => `${head(draft, [chunked])}3\r\nabcd\r\n0\r\n\r\n`),
  refused('a folded header', (draft) => head(draft, ['X-A: b', ' c', length(draft)]) + draft.body),
  refused('a line feed alone', (draft) => `${head(draft, [length(draft)]).replace('\r\nHost', '\nHost')}${draft.body}`),
  refused('line feeds alone', (draft) => head(draft, [length(draft)]).replaceAll('\r\n', '\n') + draft.body),
  refused('a carriage return alone', (draft) => head(draft, [`X: a\rY: b`, length(draft)]) + draft.body),
  refused('a null in a value', (draft) => head(draft, ['X: a\0b', length(draft)]) + draft.body),
  refused('a name with a space', (draft) => head(draft, ['X Y: b', length(draft)]) + draft.body),
  refused('a name beyond ASCII', (draft) => head(draft, ['X-\xe4: b', length(draft)]) + draft.body),
  refused('a line without a colon', (draft) => head(draft, ['Transfer-Encoding chunked', length(draft)]) + draft.body),
  refused('Host twice', (draft) => head(draft, [`Host: ${draft.host}`, length(draft)]) + draft.body),
  refused('another Host besides', (draft) => head(draft, ['hOST: evil.example', length(draft)]) + draft.body),
  refused('no Host', (draft) => head(draft, [length(draft)]).replace(/Host: .*\r\n/, '') + draft.body),
  refused(
    'a Host with a path',
    (draft) => head({ ...draft, host: `${draft.host}/make` }, [length(draft)]) + draft.body,
  ),
  refused('a Host with a user', (draft) => head({ ...draft, host: `a@${draft.host}` }, [length(draft)]) + draft.body),
  refused('a WebSocket', (draft) =>
    [head(draft, ['Connection: Upgrade', 'Upgrade: websocket', length(draft)]), draft.body, draft.smuggled].join(''),
  ),
  refused(
    '2,100 headers before a length',
    (draft) => [head(draft, [...Array<string>(2100).fill('a:'), length(draft)]), draft.body].join(''),
    431,
  ),
  refused(
    '2,100 headers before chunks',
    (draft) => [head(draft, [...Array<string>(2100).fill('a:'), chunked]), inChunks(draft)].join(''),
    431,
  ),
  refused(
    '17 KiB of one header',
    (draft) => head(draft, [`X: ${'x'.repeat(17 * 1024)}`, length(draft)]) + draft.body,
    431,
  ),
  refused('HTTP/1.2', (draft) => head(draft, [length(draft)], 'HTTP/1.2') + draft.body),
  refused('HTTP/2.0', (draft) => head(draft, [length(draft)], 'HTTP/2.0') + draft.body),
  refused('HTTP/0.9', (draft) => `${draft.method} ${draft.target}\r\n\r\n`),
  refused('a lower-case version', (draft) => head(draft, [length(draft)], 'http/1.1') + draft.body),
  refused('a version that is spelt 0.9', (draft) => head(draft, [length(draft)], 'HTTP/0.9') + draft.body),
  refused(
    'the absolute form for another host',
    (draft) => head({ ...draft, target: `http://evil.example${draft.target}` }, [length(draft)]) + draft.body,
  ),
  refused(
    'the absolute form with a user',
    (draft) => head({ ...draft, target: `http://x@${draft.host}${draft.target}` }, [length(draft)]) + draft.body,
  ),
  refused('the authority form', (draft) => head({ ...draft, target: draft.host }, [length(draft)]) + draft.body),
  ...codings.map((coding) =>
    refused(`Transfer-Encoding: ${JSON.stringify(coding)}`, (draft) =>
      [head(draft, [`Transfer-Encoding: ${coding}`]), inChunks(draft), draft.smuggled].join(''),
    ),
  ),
  ...lines.map((line) =>
    refused(JSON.stringify(line), (draft) => [head(draft, [line]), inChunks(draft), draft.smuggled].join('')),
  ),
]
