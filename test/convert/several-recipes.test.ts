import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { BlockSink } from '#dist/convert/block-sink.js'
import { convert } from '#dist/convert/convert.js'
import type { MadeSlice } from '#dist/convert/protocol.js'
import { allSlices, quantizeJob } from '#dist/convert/slice-job.js'
import { SliceRunner } from '#dist/convert/slice-runner.js'
import { bufferRoom } from '#dist/convert/thread-budget.js'
import { WorkList } from '#dist/convert/work-list.js'
import { openLocalFile } from '#dist/disk/local-file.js'
import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import type { Plan } from '#dist/plan/plan.js'
import { compileKernels } from '#dist/quant/kernels.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planOutputs } from '../helpers/convert-folder.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

describe('several recipes in one pass', () => {
  const folder = suiteFolder()
  const recipes = ['Q3_K_M', 'Q2_K', 'Q8_0'] as const satisfies readonly RecipeName[]
  const path = (name: string) => join(folder(), name)
  let plan: Plan
  const expected = new Map<string, string>()

  beforeAll(async () => {
    await writeSmallModel(folder(), { shards: 3 }, { ...smallShape, vocabulary: 12_000 })
    plan = await planOutputs(folder(), recipes)
    for (const recipe of recipes) {
      await convertFolder(folder(), recipe, path(`alone-${recipe}.gguf`))
      expected.set(recipe, await sha256(path(`alone-${recipe}.gguf`)))
    }
  })

  async function expectFiles(name: string): Promise<void> {
    for (const recipe of recipes) {
      expect(await sha256(path(`${name}-${recipe}.gguf`)), recipe).toBe(expected.get(recipe))
      const report = JSON.parse(await readFile(path(`${name}-${recipe}.gguf.report.json`), 'utf8'))
      expect(report).toMatchObject({ recipe, totals: { bytes: (await stat(path(`${name}-${recipe}.gguf`))).size } })
    }
  }

  test('gives the bytes that each gives by itself, and a report for each', async () => {
    const outcome = await convert(plan, convertOptions(path('both.gguf')))
    expect(outcome.kind === 'published' && outcome.reports.map(({ recipe }) => recipe)).toEqual(recipes)
    await expectFiles('both')
    expect(existsSync(path('both.gguf'))).toBe(false)
  })

  test('reads each byte of the source once', async () => {
    let [read, made] = [0, 0]
    const sources = await Promise.all(
      plan.sources.map(async (source) => {
        const file = await openLocalFile(source.path)
        return {
          ...{ name: file.name, size: file.size, close: () => file.close() },
          read: (target: Uint8Array, position: number) => {
            read += target.length
            return file.read(target, position)
          },
        }
      }),
    )
    const sink = { put: async () => void made++ }
    const runner = new SliceRunner({ kernels: compileKernels(), room: bufferRoom(plan) }, sources, sink)
    const work = new WorkList(plan, allSlices(plan))
    for (let id = work.takeHere(); id !== undefined; id = work.takeHere()) {
      const ids = work.togetherWith(id)
      expect((await runner.quantize(quantizeJob(plan, ids))).outcome).toBe('written')
      for (const one of ids) work.done(one)
    }
    await Promise.all(sources.map((source) => source.close()))
    expect(work.isFinished).toBe(true)
    expect(made).toBe([...allSlices(plan)].length)
    // As much as the tensors of one of the files take from it.
    const single = await planOutputs(folder(), ['Q2_K'])
    const bytes = single.tensors.map(({ source, columns }) => {
      if (source.kind !== 'rows') return 0
      const width = { F32: 4, F16: 2, BF16: 2 }[source.dtype as 'F32']
      return source.ranges.reduce((sum, { rows }) => sum + rows * columns * width, 0)
    })
    expect(read).toBe(bytes.reduce((sum, one) => sum + one, 0))
  })

  test('makes blocks that two of them have alike once', async () => {
    const sources = await Promise.all(plan.sources.map(({ path: source }) => openLocalFile(source)))
    const puts: { readonly type: GgmlType; readonly at: number; readonly made: MadeSlice }[] = []
    const sink: BlockSink = {
      put: async ({ type }, blocks, made) => void puts.push({ type, at: blocks.byteOffset, made }),
    }
    const runner = new SliceRunner({ kernels: compileKernels(), room: bufferRoom(plan) }, sources, sink)
    const work = new WorkList(plan, allSlices(plan))
    let alike = 0
    for (let id = work.takeHere(); id !== undefined; id = work.takeHere()) {
      await runner.quantize(quantizeJob(plan, work.togetherWith(id)))
      const [one, two, three] = puts.splice(0)
      expect(one?.at === two?.at).toBe(one?.type === two?.type)
      if (one?.type === two?.type) expect(one?.made).toEqual({ ...two?.made, milliseconds: expect.any(Number) })
      expect(two?.at === three?.at).toBe(two?.type === three?.type)
      if (one?.type === 'Q6_K' && two?.type === 'Q6_K') alike++
    }
    await Promise.all(sources.map((source) => source.close()))
    expect(alike).toBeGreaterThan(3)
  })

  test('that lost the bookmarks of one of them makes only those slices again', async () => {
    const stop = new AbortController()
    let slices = 0
    const count = [...allSlices(plan)].length
    const first = await convert(
      plan,
      convertOptions(path('cut.gguf'), {
        stop: stop.signal,
        onEvent: ({ kind }) => {
          if (kind === 'slice' && ++slices === 20) stop.abort()
        },
      }),
    )
    expect(first.kind).toBe('stopped')
    // Damage what was made of one recipe: its bookmarks fall, and its twins' stay.
    const { database, close } = await openBookmarks(path('state'))
    const half = database.prepare(
      'SELECT count(*) AS n FROM bookmark JOIN conversion ON conversion = id WHERE output = ?',
    )
    const before = (half.get(path('cut.gguf')) as { n: number }).n
    const firstOfSecond = plan.tensors.findIndex(({ file }) => file === 1)
    const firstOfThird = plan.tensors.findIndex(({ file }) => file === 2)
    const { changes } = database
      .prepare(
        'DELETE FROM bookmark WHERE tensor >= ? AND tensor < ?  AND conversion = (SELECT id FROM conversion WHERE output = ?)',
      )
      .run(firstOfSecond, firstOfThird, path('cut.gguf'))
    close()
    expect(changes).toBeGreaterThan(3)
    expect(changes).toBeLessThan(before)
    let made = 0
    const again = { onEvent: ({ kind }: { kind: string }) => (made += kind === 'slice' ? 1 : 0) }
    expect((await convert(plan, convertOptions(path('cut.gguf'), again))).kind).toBe('published')
    expect(made).toBe(count - before + changes)
    await expectFiles('cut')
  })
})

async function openBookmarks(state: string) {
  const { Database } = await import('#dist/disk/sqlite.js')
  const { readdirSync } = await import('node:fs')
  const name = readdirSync(state).find((file) => /\.(db|sqlite3?)$/.test(file)) ?? ''
  const database = new Database(join(state, name))
  return { database, close: () => database.close() }
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}
