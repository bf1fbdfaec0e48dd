import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { convert } from '#dist/convert/convert.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount } from '#dist/plan/slices.js'
import { convertOptions, planFolder } from '../helpers/convert-folder.ts'
import { type Delivering, DeliveringEngine } from '../helpers/delivering-engine.ts'
import { fileSha256, runPart, runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const folder = suiteFolder()
let plan: Plan
let file: Uint8Array
let sha256: string
let outputs = 0

beforeAll(async () => {
  const model = join(folder(), 'model')
  await writeSmallModel(model)
  plan = await planFolder(model, 'Q4_K_M')
  const output = join(folder(), 'whole.gguf')
  sha256 = (await runToEnd(plan, output)).sha256
  file = await readFile(output)
})

const sliceTotal = () => plan.tensors.reduce((sum, tensor) => sum + sliceCount(tensor), 0)
const newOutput = () => join(folder(), `run-${outputs++}`, 'out.gguf')

/** Options of a run in which a {@link DeliveringEngine} takes part, and that engine once it was made. */
function together(options: Partial<Delivering> = {}, capacity?: number) {
  const engines: DeliveringEngine[] = []
  const elsewhere = (conversion: ConstructorParameters<typeof DeliveringEngine>[0]) => {
    const engine = new DeliveringEngine(conversion, { file, ...options }, capacity)
    engines.push(engine)
    return engine
  }
  return { elsewhere, engine: () => engines[0] as DeliveringEngine }
}

describe('a conversion that other machines work on', () => {
  test('without local threads is made by them alone, to the same bytes', async () => {
    const { elsewhere, engine } = together()
    const run = await runToEnd(plan, newOutput(), { threads: 0, elsewhere })
    expect(run.sha256).toBe(sha256)
    expect(engine().taken.every(({ taken }) => taken === 'accepted')).toBe(true)
    expect(engine().taken).toHaveLength(run.made)
    expect(engine().closed).toBe(true)
  })

  test('is made by them and local threads together, each slice once', async () => {
    const { elsewhere, engine } = together({ check: 'whole' })
    const run = await runToEnd(plan, newOutput(), { elsewhere })
    expect(run.sha256).toBe(sha256)
    const accepted = engine().taken.filter(({ taken }) => taken === 'accepted')
    expect(accepted.length).toBeGreaterThan(0)
    expect(accepted.length).toBeLessThan(run.made)
  })

  test('is finished by local threads when nothing ever comes back from them', async () => {
    const { elsewhere } = together({ before: () => new Promise(() => {}) })
    expect((await runToEnd(plan, newOutput(), { elsewhere })).sha256).toBe(sha256)
  })

  test('waits for them when there are no local threads, and goes on when they come', async () => {
    const { elsewhere, engine } = together({}, 0)
    const output = newOutput()
    const running = convert(plan, convertOptions(output, { threads: 0, elsewhere }))
    await expect.poll(engine).toBeDefined()
    // Whatever could be begun without them would be by now: a turn of the event loop later.
    await new Promise((resolve) => setImmediate(resolve))
    expect(engine().taken).toEqual([])
    engine().capacity = 3
    expect((await running).kind).toBe('published')
    expect(await fileSha256(output)).toBe(sha256)
  })
})

describe('a slice that is delivered', () => {
  test('with another byte in every row is not written, and is made here', async () => {
    const bytesPerRow = ({ tensor }: { tensor: number }) => {
      const planned = plan.tensors[tensor]
      return planned === undefined ? 1 : planned.byteLength / planned.rows
    }
    const tamper: Delivering['tamper'] = (id, blocks) => {
      for (let at = 0; at < blocks.length; at += bytesPerRow(id)) blocks[at] = (blocks[at] ?? 0) ^ 1
    }
    const { elsewhere, engine } = together({ tamper })
    const run = await runToEnd(plan, newOutput(), { threads: 0, elsewhere })
    expect(run.sha256).toBe(sha256)
    expect(new Set(engine().taken.map(({ taken }) => taken))).toEqual(new Set(['wrong']))
  })

  test('with one byte changed anywhere is found by a check of the whole slice', async () => {
    const tamper: Delivering['tamper'] = (_, blocks) => {
      const middle = blocks.length >> 1
      blocks[middle] = (blocks[middle] ?? 0) ^ 0x80
    }
    const { elsewhere, engine } = together({ tamper, check: 'whole' })
    expect((await runToEnd(plan, newOutput(), { threads: 0, elsewhere })).sha256).toBe(sha256)
    expect(engine().taken.some(({ taken }) => taken === 'accepted')).toBe(false)
  })

  test('of another length is wrong', async () => {
    const { elsewhere, engine } = together()
    const running = runToEnd(plan, newOutput(), { threads: 0, elsewhere })
    await expect.poll(() => engine()).toBeDefined()
    const { conversion } = engine()
    const id = { tensor: 1, slice: 0 }
    const made = { checksum: Buffer.alloc(32), squaredError: 0, energy: 1, compared: 1, milliseconds: 1 }
    const taken = await conversion.take(id, new Uint8Array(3), made, 'sample')
    expect(['wrong', 'late']).toContain(taken)
    expect((await running).sha256).toBe(sha256)
  })

  test('again, or after the end, is late, and changes nothing', async () => {
    const { elsewhere, engine } = together()
    const again: string[] = []
    const output = newOutput()
    const run = await runToEnd(plan, output, { threads: 0, elsewhere })
    for (const { id } of engine().taken.slice(0, 5)) again.push(await engine().deliver(id))
    expect(again).toEqual(Array.from({ length: again.length }, () => 'late'))
    expect(again.length).toBeGreaterThan(0)
    expect(run.sha256).toBe(sha256)
  })
})

describe('slices that are not to be believed any more', () => {
  test('are made again, bookmarked or not; the file is right although wrong bytes had been written', async () => {
    let found = false
    const tamper: Delivering['tamper'] = (_, blocks) => {
      if (found) return
      // The last byte of a slice's last row: a sample of another row does not see it.
      blocks[blocks.length - 1] = (blocks.at(-1) ?? 0) ^ 1
    }
    const before = async () => {
      const own = engine()
      if (found || own.taken.filter(({ taken }) => taken === 'accepted').length < 12) return
      found = true
      const accepted = own.taken.filter(({ taken }) => taken === 'accepted').map(({ id }) => id)
      expect(own.conversion.retake(accepted)).toBe(accepted.length)
      expect(own.conversion.retake(accepted)).toBe(0)
    }
    const { elsewhere, engine } = together({ tamper, before }, 1)
    const output = newOutput()
    const run = await runToEnd(plan, output, { threads: 0, elsewhere, batch: { milliseconds: 0, bytes: 1 } })
    const { events } = run
    expect(found).toBe(true)
    expect(run.sha256).toBe(sha256)
    const retaken = events.filter(({ kind }) => kind === 'retaken').length
    expect(retaken).toBeGreaterThanOrEqual(12)
    expect(events.filter(({ kind }) => kind === 'slice').length - retaken).toBe(sliceTotal())
    expect(run.discarded).toBe(retaken)
  })
})

describe('stopping', () => {
  test('does not wait for other machines, and keeps what they delivered', async () => {
    const output = newOutput()
    let delivered = 0
    const before = () => (++delivered > 4 ? new Promise<void>(() => {}) : undefined)
    const part = await runPart(plan, output, 3, { threads: 0, ...together({ before }) })
    expect(part.made.length).toBeGreaterThanOrEqual(3)
    const run = await runToEnd(plan, output)
    expect(run.kept).toBe(part.made.length)
    expect(run.sha256).toBe(sha256)
  })
})

test('an engine that loses its jobs has them made by others', async () => {
  const { elsewhere, engine } = together()
  let lost = 0
  const losing = (conversion: ConstructorParameters<typeof DeliveringEngine>[0]) => {
    const own = elsewhere(conversion)
    own.run = async () => {
      lost++
      own.capacity = 0
      throw new MiberaError('ENGINE_LOST', 'it is gone')
    }
    return own
  }
  const run = await runToEnd(plan, newOutput(), { elsewhere: losing })
  expect(lost).toBeGreaterThan(0)
  expect(engine().taken).toEqual([])
  expect(run.sha256).toBe(sha256)
})

test('what this machine meets while it takes a slice ends the conversion with that error', async () => {
  const { elsewhere } = together()
  const output = newOutput()
  const full = (conversion: ConstructorParameters<typeof DeliveringEngine>[0]) => {
    const engine = elsewhere(conversion)
    const deliver = engine.deliver.bind(engine)
    engine.deliver = async (id) => {
      if (engine.taken.length < 3) return deliver(id)
      // As the desk does when the disk is full: the taking fails, and whoever waits for the job is told.
      throw new MiberaError('DISK_FULL', 'the disk filled up')
    }
    return engine
  }
  const error = await refusal(runToEnd(plan, output, { threads: 0, elsewhere: full }))
  expect(error.code).toBe('DISK_FULL')
  const run = await runToEnd(plan, output)
  expect(run.kept).toBeGreaterThanOrEqual(3)
  expect(run.sha256).toBe(sha256)
})
