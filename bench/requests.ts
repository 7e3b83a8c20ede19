import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mintToken } from '#src/l402/token.ts'

/** The requests of the scenarios, as bytes made in advance. */
const body = JSON.stringify({ prompt: 'A cat walking on the surface of the moon', duration: 5 })
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

export function get(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
}

export function post(path: string, authorization?: string): Buffer {
  const credential = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${credential}Content-Length: ${body.length}\r\n\r\n${body}`,
  )
}

/** Makes paid tokens for `POST /paid` as the gateway itself would, so that redeeming can be measured without a wallet. */
export function tokenMaker(dataDir: string, rev: string): () => string {
  const line =
    readFileSync(join(dataDir, 'keys'), 'utf8')
      .split('\n')
      .find((each) => /^[0-9]/.test(each)) ?? ''
  const [id = '1', , secret = ''] = line.split(' ')
  const master = Buffer.from(secret, 'hex')
  const mintedAt = Math.floor(Date.now() / 1000)
  const terms = {
    service: 'paid',
    validUntil: mintedAt + 86_400,
    rev,
    priceMsat: 2_250_000n,
    method: 'POST',
    path: '/paid',
    querySha256: sha256(''),
    bodyForm: 'raw' as const,
    bodySha256: sha256(body),
  }
  return () => {
    const preimage = randomBytes(32)
    const paymentHash = createHash('sha256').update(preimage).digest()
    const token = mintToken(master, { paymentHash, keyId: Number(id), mintedAt }, terms, () => randomBytes(25))
    return `L402 ${token}:${preimage.toString('hex')}`
  }
}

/** The revision of `/paid`, from a challenge. */
export function revisionOf(token: string): string {
  return /rev=([0-9a-f]{16})/.exec(Buffer.from(token, 'base64').toString('latin1'))?.[1] ?? ''
}
