import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WorkerPool } from '#dist/convert/worker-pool.js'
import { compileKernels } from '#dist/quant/kernels.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

/** Ends a worker thread from outside when so many jobs have been handed out: as the system does that has no memory. */
function endThreadAtJob(jobs: number): void {
  const real = Worker.prototype.postMessage
  let handedOut = 0
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message) {
    if (message.kind === 'job') handedOut++
    if (handedOut === jobs) void this.terminate()
    else real.call(this, message)
  })
  onTestFinished(() => spy.mockRestore())
}

test('a thread that dies ends the run with an error, and the next run goes on to the same bytes', async () => {
  const folder = await temporaryFolder()
  await writeSmallModel(folder)
  const plan = await planFolder(folder, 'Q4_K_M')
  await mkdir(join(folder, 'out'))
  const whole = await runToEnd(plan, join(folder, 'whole.gguf'))

  endThreadAtJob(8)
  const output = join(folder, 'out', 'small.gguf')
  const error = await refusal(runToEnd(plan, output, { batch: { milliseconds: 0, bytes: 0 } }))
  expect(error.code).toBe('WORKER_DIED')
  expect(error.retry).toBe(true)
  vi.restoreAllMocks()

  const run = await runToEnd(plan, output)
  expect(run.kept).toBeGreaterThan(0)
  expect(run.sha256).toBe(whole.sha256)
})

test('a source that is released is closed in every thread, whatever becomes of the threads meanwhile', async () => {
  const folder = await temporaryFolder()
  const source = join(folder, 'source')
  const output = join(folder, 'output')
  await writeFile(source, Buffer.alloc(64))
  await writeFile(output, Buffer.alloc(64))
  const room = {
    sourceBytes: 64,
    outputBytes: 64,
    widenedWeights: 0,
    columns: 4,
    importanceColumns: 0,
    tableBytes: 0,
    sharedBytes: 0,
  }
  const pool = new WorkerPool(3, { kernels: compileKernels(), sources: [source, source], output, room })
  onTestFinished(() => pool.close())
  const scan = (from: number) =>
    pool.run({
      kind: 'scan',
      rows: 1,
      weights: 4,
      columns: 4,
      input: { kind: 'segments', dtype: 'F32', segments: [{ source: from, offset: 0, byteLength: 16, target: 0 }] },
    })
  const clean = { count: 0, firstRow: -1 }
  expect(await Promise.all([scan(0), scan(1), scan(0)])).toEqual([clean, clean, clean])
  const inHand = Array.from({ length: 6 }, () => scan(1))
  pool.resize(2)
  await Promise.all(inHand)
  pool.resize(1)
  await pool.releaseSource(0)
  pool.resize(3)
  // Threads that were there and those that are new: all have the one, none the other.
  for (let job = 0; job < 6; job++) expect(await scan(1)).toEqual(clean)
  const refusals = await Promise.all(Array.from({ length: 6 }, () => refusal(scan(0))))
  expect(new Set(refusals.map(({ message }) => message))).toEqual(
    new Set(['source 0 was released, but is needed again']),
  )
})

test('files that cannot be opened fail each job with their own error; closing twice is safe', async () => {
  const missing = join(await temporaryFolder(), 'none.safetensors')
  const pool = new WorkerPool(2, {
    kernels: compileKernels(),
    sources: [missing],
    outputs: [missing],
    room: {
      sourceBytes: 16,
      outputBytes: 16,
      widenedWeights: 0,
      columns: 4,
      importanceColumns: 0,
      tableBytes: 0,
      sharedBytes: 0,
    },
  })
  const job = { kind: 'read-back', file: 0, offset: 0, slices: [], digest: true } as const
  // One at a time: the second thread has failed to open them too, and never gets a job to say so.
  for (let jobs = 0; jobs < 50; jobs++) {
    const error = await refusal(pool.run(job))
    expect(error.code).toBe('IO')
    expect(error.message).toContain(missing)
  }
  await pool.close()
  await pool.close()
  expect((await refusal(pool.run(job))).code).toBe('INTERNAL')
})
