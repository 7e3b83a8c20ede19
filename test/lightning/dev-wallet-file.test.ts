import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { decodeInvoice } from '#src/bolt11/decode.ts'
import { deadline, makeDevSetting, makeRequest } from './dev-setting.ts'

const unavailable = (message: string) =>
  expect.objectContaining({ name: 'WalletError', code: 'unavailable', message: expect.stringContaining(message) })

const rights = async (file: string) => (await stat(file)).mode & 0o777

describe('the file of the development wallet', () => {
  test('can be read by its owner only, journals included', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    await wallet.pay(bolt11, deadline())
    const files = await readdir(setting.folder)
    expect(files).toContain('dev.db-wal')
    for (const file of files) expect(await rights(join(setting.folder, file))).toBe(0o600)
  })

  test('is closed to others when it was open to them', async () => {
    await using setting = await makeDevSetting()
    await setting.open()[Symbol.asyncDispose]()
    await chmod(setting.file, 0o644)
    await using wallet = setting.open()
    expect(wallet.kind).toBe('dev')
    expect(await rights(setting.file)).toBe(0o600)
  })

  test('is not written when an invoice is made', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    const contents = async () => {
      const files = (await readdir(setting.folder)).filter((file) => !file.endsWith('-shm'))
      return Promise.all(files.map((file) => readFile(join(setting.folder, file))))
    }
    const before = await contents()
    for (let count = 0; count < 5; count++) await wallet.createInvoice(makeRequest(), deadline())
    expect(await contents()).toEqual(before)
  })

  test('keeps node and preimages over a restart', async () => {
    await using setting = await makeDevSetting()
    const request = makeRequest()
    const before = setting.open()
    const issued = await before.createInvoice(request, deadline())
    await before[Symbol.asyncDispose]()

    await using after = setting.open()
    expect(await after.createInvoice(request, deadline())).toEqual(issued)
    expect(await after.lookup(issued, deadline())).toEqual({ state: 'open' })
    const preimage = await after.pay(issued.bolt11, deadline())
    const next = await after.createInvoice(makeRequest(), deadline())
    const payeeOf = (bolt11: string) => decodeInvoice(bolt11, { signature: 'verify' }).payee
    expect(payeeOf(next.bolt11)).toBe(payeeOf(issued.bolt11))
    expect(preimage).toHaveLength(64)
  })

  test('keeps payments over a restart', async () => {
    await using setting = await makeDevSetting()
    const before = setting.open()
    const issued = await before.createInvoice(makeRequest(), deadline())
    await before.pay(issued.bolt11, deadline())
    await before[Symbol.asyncDispose]()

    await using after = setting.open()
    expect(await after.lookup(issued, deadline())).toMatchObject({ state: 'settled', receivedMsat: 7_500_001n })
    await expect(after.pay(issued.bolt11, deadline())).rejects.toMatchObject({ code: 'rejected' })
  })

  test('holds no preimage, paid or not', async () => {
    await using setting = await makeDevSetting()
    const wallet = setting.open()
    const { bolt11 } = await wallet.createInvoice(makeRequest(), deadline())
    const preimage = await wallet.pay(bolt11, deadline())
    await wallet[Symbol.asyncDispose]()
    const content = await readFile(setting.file)
    expect(content.includes(preimage)).toBe(false)
    expect(content.includes(Buffer.from(preimage, 'hex'))).toBe(false)
  })

  test('lets two wallets on one file take one payment once', async () => {
    await using setting = await makeDevSetting()
    await using one = setting.open()
    await using other = setting.open()
    const issued = await one.createInvoice(makeRequest(), deadline())
    await other.pay(issued.bolt11, deadline())
    await expect(one.pay(issued.bolt11, deadline())).rejects.toMatchObject({ code: 'rejected' })
    expect(await one.lookup(issued, deadline())).toMatchObject({ state: 'settled' })
  })

  test('is refused in a folder that does not exist', async () => {
    await using setting = await makeDevSetting()
    expect(() => setting.open(join(setting.folder, 'none', 'dev.db'))).toThrow(unavailable('no such file'))
  })

  test('is refused when it is something else', async () => {
    await using setting = await makeDevSetting()
    await writeFile(setting.file, 'not a database, but long enough to be taken for one '.repeat(20))
    expect(() => setting.open()).toThrow(unavailable('cannot be used'))
  })

  test('is refused when a later version wrote it', async () => {
    await using setting = await makeDevSetting()
    const later = new Database(setting.file)
    later.pragma('user_version = 7')
    later.close()
    expect(() => setting.open()).toThrow(unavailable('unknown version 7'))
  })

  test('is refused without a seed, rather than given a new one', async () => {
    await using setting = await makeDevSetting()
    await setting.open()[Symbol.asyncDispose]()
    const emptied = new Database(setting.file)
    emptied.exec('DELETE FROM seed')
    emptied.close()
    expect(() => setting.open()).toThrow(unavailable('no seed'))
  })
})
