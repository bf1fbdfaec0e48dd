import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { allSlices, quantizeJob, tensorOf } from '#dist/convert/slice-job.js'
import { startThread } from '#dist/convert/spare-threads.js'
import { bufferRoom } from '#dist/convert/thread-budget.js'
import { WorkerPool } from '#dist/convert/worker-pool.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'
import { compileKernels } from '#dist/quant/kernels.js'
import type { RemoteSetup } from '#dist/worker/thread-setup.js'
import { ThreadShare } from '#dist/worker/thread-share.js'
import { convertFolder, planFolder } from '../helpers/convert-folder.ts'
import { FakeCoordinator } from '../helpers/fake-coordinator.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const entry = new URL('../../dist/worker/thread.js', import.meta.url)

interface Bench {
  readonly folder: string
  readonly plan: Plan
  readonly coordinator: FakeCoordinator
  readonly pool: WorkerPool<RemoteSetup>
  readonly share: ThreadShare
}

async function setUp(
  change: (setup: RemoteSetup, plan: Plan) => RemoteSetup = (setup) => setup,
  layout: 'fused' | 'split' = 'fused',
): Promise<Bench> {
  const folder = await temporaryFolder()
  const model = join(folder, 'model')
  await writeSmallModel(model, { layout })
  const plan = await planFolder(model, 'Q4_K_M')
  const coordinator = await FakeCoordinator.start()
  coordinator.plan = plan
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'secret-of-the-test\n')
  const share = new ThreadShare()
  share.worker = randomUUID()
  coordinator.workers.add(share.worker)
  const setup: RemoteSetup = {
    kernels: compileKernels(),
    room: bufferRoom(plan),
    coordinator: { origin: coordinator.origin, ca: undefined },
    tokenFile,
    share: share.buffer,
    conversion: coordinator.key,
    sources: plan.sources.map(({ name, size }) => ({ name, size, path: undefined })),
    spool: undefined,
  }
  const pool = new WorkerPool<RemoteSetup>(2, change(setup, plan), () => startThread(entry))
  onTestFinished(() => pool.close())
  return { folder, plan, coordinator, pool, share }
}

async function makeAll({ plan, pool }: Bench): Promise<void> {
  await Promise.all([...allSlices(plan)].map((id) => pool.run(quantizeJob(plan, [id]))))
}

/** Every slice as the coordinator got it is as it stands in the file that this machine makes by itself. */
async function expectSameAsLocal({ folder, plan, coordinator }: Bench): Promise<void> {
  const output = join(folder, 'local.gguf')
  await convertFolder(join(folder, 'model'), 'Q4_K_M', output)
  const file = readFileSync(output)
  let slices = 0
  for (const id of allSlices(plan)) {
    const { offset, byteLength } = sliceOf(tensorOf(plan, id), id.slice)
    const blocks = coordinator.taken.get(`${id.tensor}/${id.slice}`)
    expect(blocks?.equals(file.subarray(offset, offset + byteLength)), `${id.tensor}/${id.slice}`).toBe(true)
    slices++
  }
  expect(coordinator.taken.size).toBe(slices)
}

describe('a thread of a worker', () => {
  it('makes every slice from bytes fetched by range, and uploads the blocks that a local conversion writes', async () => {
    const bench = await setUp()
    await makeAll(bench)
    await expectSameAsLocal(bench)
    expect(bench.coordinator.late).toBe(0)
    expect(bench.share.pulse).toBeGreaterThan(bench.coordinator.taken.size)
  })

  it('fetches rows that llama.cpp wants in another order in one request, and brings them in order', async () => {
    const bench = await setUp(undefined, 'split')
    const reordered = [...allSlices(bench.plan)].filter((id) => {
      const { source } = tensorOf(bench.plan, id)
      return source.kind === 'rows' && source.transform.kind !== 'none'
    })
    expect(reordered.length).toBeGreaterThan(0)
    await Promise.all(reordered.map((id) => bench.pool.run(quantizeJob(bench.plan, [id]))))
    const ranges = bench.coordinator.requests.filter(({ range }) => range !== undefined)
    expect(ranges).toHaveLength(reordered.length)
    await makeAll(bench)
    await expectSameAsLocal(bench)
  })

  it('reads shards that it sees itself, asking the coordinator for none of their bytes', async () => {
    const bench = await setUp((setup, plan) => ({
      ...setup,
      sources: plan.sources.map(({ name, size, path }) => ({ name, size, path })),
    }))
    await makeAll(bench)
    await expectSameAsLocal(bench)
    expect(bench.coordinator.requests.filter(({ path }) => path.includes('/sources/'))).toEqual([])
  })

  it('goes on where a connection broke off, and asks again where the coordinator was overcharged', async () => {
    const bench = await setUp()
    let count = 0
    bench.coordinator.disturb = ({ path }) => {
      count++
      if (count % 5 === 0) return 'cut'
      if (count % 7 === 0) return { status: 500, code: 'IO' }
      return path.includes('/slices/') && count % 11 === 0
        ? { status: 429, code: 'TOO_MANY_REQUESTS', retryAfter: 0.01 }
        : undefined
    }
    await makeAll(bench)
    await expectSameAsLocal(bench)
    // A break in the middle of a range: the rest was asked for, not all of it again.
    const ranges = bench.coordinator.requests.flatMap(({ range }) => (range === undefined ? [] : [range]))
    const ends = ranges.map((range) => range.split('-')[1])
    expect(ranges.some((range, index) => ends.indexOf(ends[index]) < index && ranges.indexOf(range) === index)).toBe(
      true,
    )
  })

  it('reads its token again when it is refused, and is not stopped by a rotation', async () => {
    const bench = await setUp()
    bench.coordinator.disturb = () => {
      if (bench.coordinator.taken.size === 5 && bench.coordinator.token === 'secret-of-the-test') {
        bench.coordinator.token = 'rotated-secret-of-the-test'
        void writeFile(join(bench.folder, 'token'), 'rotated-secret-of-the-test')
        return 'cut'
      }
      return undefined
    }
    await makeAll(bench)
    await expectSameAsLocal(bench)
    expect(bench.coordinator.requests.some(({ token }) => token === 'rotated-secret-of-the-test')).toBe(true)
  })

  it.each([
    [410, 'CONVERSION_INACTIVE'],
    [404, 'WORKER_UNKNOWN'],
    [403, 'WORKER_QUARANTINED'],
    [422, 'SLICE_REFUSED'],
  ])('fails a slice at once when it is refused with %i %s', async (status, code) => {
    const bench = await setUp()
    bench.coordinator.disturb = ({ method }) => (method === 'PUT' ? { status, code } : undefined)
    await expect(bench.pool.run(quantizeJob(bench.plan, [{ tensor: 0, slice: 0 }]))).rejects.toMatchObject({ code })
    expect(bench.coordinator.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1)
  })
})
