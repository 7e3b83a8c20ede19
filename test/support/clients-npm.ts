import { createRequire } from 'node:module'
import { fetch402, fetchWithL402 } from '@getalby/lightning-tools'
import { MemoryTokenStore, PaymentResult, setupL402Interceptor } from 'l402'
import { Lsat } from 'lsat-js'

/** Unmodified clients from npm, each behind the same two words. */

export interface Order {
  readonly url: string
  /** Sent as JSON; a form is sent as multipart/form-data. */
  readonly body: Readonly<Record<string, unknown>> | FormData
}

export interface Served {
  readonly status: number
  readonly text: string
}

/** Pays an invoice. @returns the preimage */
export type Pay = (invoice: string) => Promise<string>

export interface NpmClient {
  readonly name: string
  /** Presents what it paid for last at the same URL before it asks for a new challenge. */
  readonly keepsToken: boolean
  /** A client with an empty memory. */
  readonly open: (pay: Pay) => (order: Order) => Promise<Served>
}

type AxiosInstance = Parameters<typeof setupL402Interceptor>[0]

/** The axios that `l402` itself depends on. */
const axios = createRequire(createRequire(import.meta.url).resolve('l402'))('axios') as {
  create(defaults: object): AxiosInstance
  isAxiosError(thrown: unknown): thrown is { response?: { status: number; data: unknown } }
}

const isForm = (body: Order['body']): body is FormData => body instanceof FormData

function initOf(body: Order['body']): { method: 'POST'; headers: Record<string, string>; body: string | FormData } {
  return isForm(body)
    ? { method: 'POST', headers: {}, body }
    : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}

const served = async (response: Response): Promise<Served> => ({
  status: response.status,
  text: await response.text(),
})

type AlbyFetch = typeof fetchWithL402

const alby = (name: string, buy: AlbyFetch): NpmClient => ({
  name,
  keepsToken: false,
  open: (pay) => {
    const wallet = { payInvoice: async ({ invoice }: { invoice: string }) => ({ preimage: await pay(invoice) }) }
    return async ({ url, body }) => await served(await buy(url, initOf(body), { wallet }))
  },
})

/** Retries through the same interceptors, keeps tokens by host, path and method. */
export function openAxios(pay: Pay): AxiosInstance {
  const instance = axios.create({ validateStatus: (status: number) => status < 300, responseType: 'text' })
  const wallet = { payInvoice: async (invoice: string) => new PaymentResult(await pay(invoice), true) }
  setupL402Interceptor(instance, wallet, new MemoryTokenStore())
  return instance
}

const axiosL402: NpmClient = {
  name: 'l402',
  keepsToken: true,
  open: (pay) => {
    const instance = openAxios(pay)
    return async ({ url, body }) => {
      try {
        const { status, data } = await instance.post<string>(url, isForm(body) ? body : JSON.stringify(body), {
          headers: isForm(body) ? {} : { 'Content-Type': 'application/json' },
        })
        return { status, text: data }
      } catch (thrown) {
        if (!axios.isAxiosError(thrown) || !thrown.response) throw thrown
        return { status: thrown.response.status, text: String(thrown.response.data) }
      }
    }
  },
}

/** A library of parts: the caller sends, and here keeps the last token of each URL. */
const lsatJs: NpmClient = {
  name: 'lsat-js',
  keepsToken: true,
  open: (pay) => {
    const kept = new Map<string, string>()
    return async ({ url, body }) => {
      const init = initOf(body)
      const token = kept.get(url)
      const first = await fetch(url, { ...init, headers: { ...init.headers, ...(token && { Authorization: token }) } })
      const challenge = first.headers.get('www-authenticate')
      if (first.status !== 402 || challenge === null) return await served(first)
      const lsat = Lsat.fromHeader(challenge)
      lsat.setPreimage(await pay(lsat.invoice))
      kept.set(url, lsat.toToken())
      return await served(await fetch(url, { ...init, headers: { ...init.headers, Authorization: lsat.toToken() } }))
    }
  },
}

/** What the product's documentation tells a buyer to do: two requests, and a header filled in by hand. */
const byHand: NpmClient = {
  name: 'fetch, as the documentation says',
  keepsToken: false,
  open: (pay) => {
    return async ({ url, body }) => {
      const init = initOf(body)
      const first = await fetch(url, init)
      const challenge = first.headers.get('www-authenticate') ?? ''
      const [, macaroon = '', invoice = ''] = /L402 macaroon="([^"]*)", invoice="([^"]*)"/.exec(challenge) ?? []
      const authorization = 'L402 <macaroon>:<preimage>'
        .replace('<macaroon>', macaroon)
        .replace('<preimage>', await pay(invoice))
      return await served(await fetch(url, { ...init, headers: { ...init.headers, Authorization: authorization } }))
    }
  },
}

export const npmClients: readonly NpmClient[] = [
  alby('fetchWithL402 of @getalby/lightning-tools', fetchWithL402),
  alby('fetch402 of @getalby/lightning-tools', fetch402),
  axiosL402,
  lsatJs,
  byHand,
]
