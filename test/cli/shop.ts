import { openGateway, type TestGateway } from '../support/gateway.ts'
import { openUpstream, type TestUpstream } from '../support/upstream.ts'

/** What the commands talk to: a gateway in this process, with its development wallet. */
export interface Shop extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
}

const config = (upstream: string) => `
defaults: { attempts: 1 }
services:
  /make:
    name: make
    upstream: ${upstream}
    price: { per_char: { of: prompt, rate: 0.5, min: 7 } }
    request:
      schema:
        type: object
        required: [prompt]
        properties: { prompt: { type: string }, loud: { type: boolean, default: false } }
  GET /picture/:style: { name: picture, upstream: "${upstream}", price: { flat: 3 } }
  /upload:
    name: upload
    upstream: ${upstream}
    price: { per_unit: { of: file.bytes, rate: 1 sat / 10 bytes } }
    request:
      content_type: multipart/form-data
      schema: { type: object, required: [file], properties: { file: { type: object }, note: { type: string } } }
  GET /free: { name: free, upstream: "${upstream}", price: free }
`

export async function openShop(): Promise<Shop> {
  const upstream = await openUpstream()
  const gateway = await openGateway({ config: config(upstream.url) })
  return {
    gateway,
    upstream,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}
