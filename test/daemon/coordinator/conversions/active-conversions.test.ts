import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ActiveConversions } from '#dist/daemon/coordinator/conversions/active-conversions.js'
import { Spool } from '#dist/daemon/coordinator/conversions/spool.js'
import { remotePlanSchema } from '#dist/daemon/coordinator/protocol.js'
import { KnowingConversion, smallPlan } from '../../../helpers/coordinator-plan.ts'
import { refusal } from '../../../helpers/refusal.ts'
import { temporaryFolder } from '../../../helpers/temporary-folder.ts'

const worker = '00000000-0000-4000-8000-000000000001'

async function inFolder() {
  const folder = await temporaryFolder()
  const part = join(folder, 'out.gguf.part')
  return { folder, part, conversion: new KnowingConversion(smallPlan({ path: '/nowhere' }), { part }) }
}

describe('a conversion', () => {
  test('is there for workers from its adding to its removing, with its whole plan', async () => {
    const { conversion, folder } = await inFolder()
    const active = new ActiveConversions()
    const remove = await active.add(conversion, { sharedResults: false })
    const { document, spool } = active.require(conversion.key)
    expect(spool).toBeUndefined()
    const plan = remotePlanSchema.strict().parse(JSON.parse(document.toString()))
    expect(plan).toMatchObject({ key: conversion.key, fingerprint: conversion.plan.fingerprint, spool: null })
    expect(plan.tensors.map(({ name }) => name)).toEqual(['wide', 'narrow', 'given'])
    await remove()
    await remove()
    expect(active.get(conversion.key)).toBeUndefined()
    const gone = async () => active.require(conversion.key)
    expect((await refusal(gone())).code).toBe('CONVERSION_INACTIVE')
    expect(readdirSync(folder)).toEqual([])
  })

  test('is not there twice, and the removing of an earlier one leaves a later one alone', async () => {
    const { conversion } = await inFolder()
    const active = new ActiveConversions()
    const removeFirst = await active.add(conversion, { sharedResults: false })
    expect((await refusal(active.add(conversion, { sharedResults: false }))).code).toBe('INTERNAL')
    await removeFirst()
    await active.add(conversion, { sharedResults: false })
    await removeFirst()
    expect(active.get(conversion.key)).toBeDefined()
  })

  test('whose key could be a path is none', async () => {
    const active = new ActiveConversions()
    const { plan } = (await inFolder()).conversion
    for (const key of ['', '..', 'a/b', 'a b', 'ä']) {
      const conversion = new KnowingConversion(plan, { key })
      expect((await refusal(active.add(conversion, { sharedResults: false }))).code).toBe('INTERNAL')
    }
  })
})

describe('the folder for results', () => {
  test('lies beside the output, tells workers that they see it, and goes with the conversion', async () => {
    const { conversion, part, folder } = await inFolder()
    const active = new ActiveConversions()
    const remove = await active.add(conversion, { sharedResults: true })
    const { spool } = remotePlanSchema.parse(JSON.parse(active.require(conversion.key).document.toString()))
    expect(spool?.folder).toBe(`${part}.results`)
    expect(readFileSync(join(spool?.folder ?? '', 'nonce'), 'utf8')).toBe(spool?.nonce)
    writeFileSync(active.require(conversion.key).spool?.pathOf({ tensor: 0, slice: 0 }, worker) ?? '', 'late')
    await remove()
    expect(readdirSync(folder)).toEqual([])
  })

  test('is cleared of what an earlier run left, and of nothing else', async () => {
    const { part } = await inFolder()
    const spool = new Spool(part)
    mkdirSync(spool.folder)
    writeFileSync(spool.pathOf({ tensor: 3, slice: 14 }, worker), 'old')
    for (const name of ['mine.txt', '1-2.blocks', `x-1-${worker}.blocks`]) writeFileSync(join(spool.folder, name), '')
    await spool.make()
    expect(readdirSync(spool.folder).sort()).toEqual(['1-2.blocks', 'mine.txt', 'nonce', `x-1-${worker}.blocks`])
    await spool.remove()
    expect(readdirSync(spool.folder).sort()).toEqual(['1-2.blocks', 'mine.txt', `x-1-${worker}.blocks`])
  })

  test('gives a slice only from a plain file of its length', async () => {
    const { part, folder } = await inFolder()
    const spool = new Spool(part)
    await spool.make()
    const path = spool.pathOf({ tensor: 0, slice: 0 }, worker)
    const target = new Uint8Array(8)
    expect(await spool.read(path, target)).toBe('missing')
    writeFileSync(path, '1234567')
    expect(await spool.read(path, target)).toBe('other-length')
    writeFileSync(path, '123456789')
    expect(await spool.read(path, target)).toBe('other-length')
    writeFileSync(path, '12345678')
    expect(await spool.read(path, target)).toBe('read')
    expect(Buffer.from(target).toString()).toBe('12345678')
    await spool.discard(path)
    await spool.discard(path)
    expect(existsSync(path)).toBe(false)
    mkdirSync(path)
    expect(await spool.read(path, target)).toBe('missing')
    expect(folder).toBeDefined()
  })

  test.skipIf(process.platform === 'win32')('follows no link that a worker left there', async () => {
    const { part, folder } = await inFolder()
    const spool = new Spool(part)
    await spool.make()
    const secret = join(folder, 'secret')
    writeFileSync(secret, '12345678')
    const path = spool.pathOf({ tensor: 0, slice: 0 }, worker)
    symlinkSync(secret, path)
    expect(await spool.read(path, new Uint8Array(8))).toBe('missing')
    await spool.remove()
    expect(readFileSync(secret, 'utf8')).toBe('12345678')
  })
})
