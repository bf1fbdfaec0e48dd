import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { madeHeader } from '#dist/daemon/coordinator/protocol.js'
import { KnowingConversion, madeOf, rightBlocks, smallPlan } from '../../helpers/coordinator-plan.ts'
import { openListener } from '../../helpers/open-listener.ts'

interface Told {
  readonly worker?: string
  /** What is said of the blocks. */
  readonly made?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A listener with a conversion without files, and a worker. */
async function withConversion({ sharedResults = false } = {}) {
  const listener = await openListener()
  const plan = smallPlan({ path: '/nowhere/model.safetensors' })
  const conversion = new KnowingConversion(plan, { part: join(listener.folder, 'out.gguf.part') })
  const remove = await listener.conversions.add(conversion, { sharedResults })
  const worker = await listener.join()
  const address = (tensor: number, slice: number) => `/v1/conversions/${conversion.key}/slices/${tensor}/${slice}`
  const upload = (tensor: number, slice: number, blocks: Uint8Array, told: Told = {}) =>
    listener.ask('PUT', address(tensor, slice), {
      worker: told.worker ?? worker,
      headers: {
        'content-type': 'application/octet-stream',
        [madeHeader]: told.made ?? madeOf(blocks),
        ...told.headers,
      },
      body: blocks,
    })
  const announce = (tensor: number, slice: number, made: string, from = worker) =>
    listener.ask('POST', `${address(tensor, slice)}/spooled`, { worker: from, body: JSON.parse(made) as object })
  return { ...listener, plan, conversion, remove, worker, address, upload, announce }
}

const verdict = ({ bytes }: { readonly bytes: Buffer }) => (JSON.parse(bytes.toString()) as { taken?: string }).taken

describe('an uploaded slice', () => {
  test('is taken once; again, or when it is no longer wanted, it is late and nobody reads it', async () => {
    const { conversion, plan, upload } = await withConversion()
    const blocks = rightBlocks(plan, { tensor: 0, slice: 2 })
    expect(verdict(await upload(0, 2, blocks))).toBe('accepted')
    expect(verdict(await upload(0, 2, blocks))).toBe('late')
    conversion.makeHere({ tensor: 0, slice: 1 })
    expect(verdict(await upload(0, 1, rightBlocks(plan, { tensor: 0, slice: 1 })))).toBe('late')
    expect(conversion.taken).toHaveLength(1)
  })

  test('of all that come at the same moment, one is taken', async () => {
    const { plan, upload, workers } = await withConversion()
    const blocks = rightBlocks(plan, { tensor: 0, slice: 0 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => upload(0, 0, blocks)))
    expect(answers.map(verdict).sort()).toEqual(['accepted', ...Array.from({ length: 19 }, () => 'late')])
    expect(workers.views()).toMatchObject([{ strikes: 0 }])
  })

  test('is checked whole in the first job of a worker, and by a row later', async () => {
    const { conversion, plan, upload, workers, worker } = await withConversion()
    await upload(1, 0, rightBlocks(plan, { tensor: 1, slice: 0 }))
    await upload(0, 0, rightBlocks(plan, { tensor: 0, slice: 0 }))
    for (let more = 0; more < 14; more++)
      workers.wasRight(worker, 'Q8_0', 'whole', { conversion, id: { tensor: 0, slice: 0 } })
    await upload(0, 1, rightBlocks(plan, { tensor: 0, slice: 1 }))
    expect(conversion.taken.map(({ check }) => check)).toEqual(['whole', 'whole', 'sample'])
  })

  test.each([
    ['other bytes than its digest is of', (blocks: Buffer) => ({ blocks, made: madeOf(blocks, '00'.repeat(32)) })],
    [
      'blocks that are not those of its rows',
      (blocks: Buffer) => {
        const wrong = Buffer.from(blocks)
        wrong[5] = (wrong[5] ?? 0) ^ 1
        return { blocks: wrong, made: madeOf(wrong) }
      },
    ],
    ['too few bytes', (blocks: Buffer) => ({ blocks: blocks.subarray(1), made: madeOf(blocks.subarray(1)) })],
    ['no bytes', () => ({ blocks: Buffer.alloc(0), made: madeOf(Buffer.alloc(0)) })],
  ])('with %s is refused, and held against the worker: three are enough', async (_, change) => {
    const { conversion, plan, upload, workers } = await withConversion()
    const { blocks, made } = change(rightBlocks(plan, { tensor: 0, slice: 0 }))
    for (const strikes of [1, 2, 3]) {
      expect(await upload(0, 0, blocks, { made })).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
      expect(workers.views()).toMatchObject([{ strikes }])
    }
    expect(await upload(0, 0, blocks, { made })).toMatchObject({ status: 403, code: 'WORKER_QUARANTINED' })
    expect(conversion.taken.every(({ taken }) => taken === 'wrong')).toBe(true)
    expect(conversion.wanted({ tensor: 0, firstSlice: 0, slices: 1 })).toEqual([{ tensor: 0, slice: 0 }])
  })

  test('with too many bytes is refused before any of them is read', async () => {
    const { upload, plan, workers, conversion } = await withConversion()
    const blocks = Buffer.concat([rightBlocks(plan, { tensor: 1, slice: 0 }), Buffer.alloc(1)])
    expect(await upload(1, 0, blocks)).toMatchObject({ status: 413, code: 'SLICE_REFUSED' })
    expect(workers.views()).toMatchObject([{ strikes: 1 }])
    expect(conversion.taken).toEqual([])
  })

  test('that was taken by another worker while this one sent it is late, and no fault', async () => {
    const { conversion, plan, upload, workers, join } = await withConversion()
    const other = await join({ pid: 99 })
    let arrived = () => {}
    const meanwhile = new Promise<void>((resolve) => {
      arrived = resolve
    })
    conversion.meanwhile = () => meanwhile
    const blocks = rightBlocks(plan, { tensor: 0, slice: 0 })
    const first = upload(0, 0, blocks)
    await expect.poll(() => conversion.wanted({ tensor: 0, firstSlice: 0, slices: 1 })).toEqual([])
    expect(verdict(await upload(0, 0, blocks, { worker: other }))).toBe('late')
    arrived()
    expect(verdict(await first)).toBe('accepted')
    expect(workers.views().map(({ strikes }) => strikes)).toEqual([0, 0])
  })

  test('whose conversion fails at its taking is answered with that, and is no fault', async () => {
    const { conversion, plan, upload, workers } = await withConversion()
    conversion.meanwhile = async () => {
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
    }
    const answer = await upload(1, 0, rightBlocks(plan, { tensor: 1, slice: 0 }))
    expect(answer.status).toBe(500)
    expect(answer.bytes.toString()).not.toContain('no space')
    expect(workers.views()).toMatchObject([{ strikes: 0 }])
  })
})

describe('a slice left in the shared folder', () => {
  test('is taken from there, and deleted', async () => {
    const { conversions, conversion, plan, worker, announce } = await withConversion({ sharedResults: true })
    const blocks = rightBlocks(plan, { tensor: 0, slice: 1 })
    const path = conversions.require(conversion.key).spool?.pathOf({ tensor: 0, slice: 1 }, worker) ?? ''
    writeFileSync(path, blocks)
    expect(verdict(await announce(0, 1, madeOf(blocks)))).toBe('accepted')
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, blocks)
    expect(verdict(await announce(0, 1, madeOf(blocks)))).toBe('late')
    expect(existsSync(path)).toBe(false)
  })

  test('that is not there is refused without blame; a wrong one with it', async () => {
    const { conversions, conversion, plan, worker, announce, workers } = await withConversion({ sharedResults: true })
    const blocks = rightBlocks(plan, { tensor: 0, slice: 1 })
    const path = conversions.require(conversion.key).spool?.pathOf({ tensor: 0, slice: 1 }, worker) ?? ''
    expect(await announce(0, 1, madeOf(blocks))).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
    expect(workers.views()).toMatchObject([{ strikes: 0 }])
    const wrong = Buffer.alloc(blocks.length, 'x')
    for (const [content, made] of [
      [blocks.subarray(1), madeOf(blocks)],
      [wrong, madeOf(blocks)],
      [wrong, madeOf(wrong)],
    ] as const) {
      writeFileSync(path, content)
      expect(await announce(0, 1, made)).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
      expect(existsSync(path)).toBe(false)
    }
    expect(workers.views()).toMatchObject([{ strikes: 3, quarantined: true }])
  })

  test('of another worker is not found: the name is made of the id of whoever announces', async () => {
    const { conversions, conversion, plan, worker, announce, join } = await withConversion({ sharedResults: true })
    const blocks = rightBlocks(plan, { tensor: 0, slice: 1 })
    const path = conversions.require(conversion.key).spool?.pathOf({ tensor: 0, slice: 1 }, worker) ?? ''
    writeFileSync(path, blocks)
    const other = await join({ pid: 99 })
    expect(await announce(0, 1, madeOf(blocks), other)).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
    expect(existsSync(path)).toBe(true)
  })

  test('is refused where results are uploaded', async () => {
    const { plan, announce } = await withConversion()
    const made = madeOf(rightBlocks(plan, { tensor: 0, slice: 1 }))
    expect(await announce(0, 1, made)).toMatchObject({ status: 422, code: 'SLICE_REFUSED' })
  })
})

describe('a slice that a worker cannot make', () => {
  test('is made here, and held against the worker if nothing is wrong with it', async () => {
    const { ask, address, conversion, worker, workers } = await withConversion()
    const body = { outcome: 'non-finite' }
    expect((await ask('POST', `${address(0, 1)}/refusal`, { worker, body })).status).toBe(204)
    expect(conversion.keptHere).toEqual([{ tensor: 0, slice: 1 }])
    expect(workers.views()).toMatchObject([{ strikes: 0 }])
    conversion.made[0]?.()
    expect(workers.views()).toMatchObject([{ strikes: 1 }])
  })
})
