import { existsSync } from 'node:fs'
import { mkdir, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ConvertEvent } from '#dist/convert/events.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { convertGguf } from '../helpers/convert-gguf.ts'
import { jobHarness } from '../helpers/job-harness.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const source = () => join(root(), 'model-Q8_0.gguf')
const work = () => join(root(), 'work')
const harness = (options = {}) => jobHarness(work(), source(), { allowRequantize: true, ...options }, {})
let expected = ''

beforeAll(async () => {
  await writeSmallModel(join(root(), 'model'))
  await convertFolder(join(root(), 'model'), 'Q8_0', source())
  const whole = join(root(), 'whole.gguf')
  await convertGguf(source(), 'Q4_K_M', whole, { allowRequantize: true })
  expected = await fileSha256(whole)
})
beforeEach(async () => {
  await rm(work(), { recursive: true, force: true })
  await mkdir(work())
})

/** Stops as at a shutdown when so many slices are bookmarked. */
function stopAfter(slices: number) {
  const controller = new AbortController()
  let bookmarked = 0
  const onEvent = (event: ConvertEvent) => {
    if (event.kind === 'bookmarked') bookmarked += event.slices
    if (bookmarked >= slices) controller.abort('shutdown')
  }
  return { stop: controller.signal, onEvent, threads: 1, batch: { milliseconds: 0, bytes: 0 } }
}

describe('a job that converts a GGUF', () => {
  test('goes on where it was interrupted', async () => {
    const { run, job } = harness()
    expect((await run(stopAfter(4))).state).toBe('queued')
    let kept = 0
    const done = await run({
      onEvent: (event) => {
        if (event.kind === 'begun') kept = event.doneSlices
      },
    })
    expect(done).toMatchObject({ state: 'done', reason: undefined })
    expect(kept).toBeGreaterThanOrEqual(4)
    expect(await fileSha256(job.output)).toBe(expected)
  })

  test('does not go on with a source that was written to since', async () => {
    const { run } = harness()
    await run(stopAfter(4))
    await utimes(source(), 1e9, 1e9)
    expect(await run()).toMatchObject({ state: 'failed', reason: { code: 'PLAN_CHANGED' } })
  })

  test('needs leave to quantize anew', async () => {
    const { run } = harness({ allowRequantize: false })
    expect(await run()).toMatchObject({ state: 'failed', reason: { code: 'REQUANTIZE_REFUSED' } })
  })

  test('does not delete it, even if asked to', async () => {
    const { run } = harness({ reclaimSource: true })
    expect(await run()).toMatchObject({ state: 'failed', reason: { code: 'USAGE' } })
    expect(existsSync(source())).toBe(true)
  })
})
