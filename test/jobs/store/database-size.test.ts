import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeBookmarks } from '#dist/convert/state/bookmarks.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase } from '../../helpers/job-stores.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const mebibyte = 2 ** 20
const jobs = 300
const tensors = 243
const slicesOfTensor = 8

test(`${jobs} large jobs leave less than 15 MB behind, and a list of them takes milliseconds`, async () => {
  const folder = await temporaryFolder()
  const database = openDatabase(folder)
  // Nothing here is about surviving a power loss.
  database.pragma('synchronous = OFF')
  const store = new JobStore(database)
  const runOne = (index: number) => {
    const { id, output } = store.add(newJob(`a model with a long name, number ${index}`))
    store.take(id, 'me')
    const conversion = beginConversion(database, output)
    for (let tensor = 0; tensor < tensors; tensor++) {
      const name = `blk.${tensor}.attn_output.weight`
      store.tensorStarted(id, { tensor, name, slices: slicesOfTensor, elsewhere: false })
      writeBookmarks(
        database,
        conversion,
        Array.from({ length: slicesOfTensor }, (_, slice) => bookmark(tensor, slice)),
      )
    }
    store.tensorsDone(id)
    database.prepare("UPDATE conversion SET state = 'done' WHERE id = ?").run(conversion)
    store.move(id, 'running', 'verifying')
    store.move(id, 'verifying', 'done')
  }
  for (let index = 0; index < jobs; index++) {
    database.transaction(() => runOne(index))()
    store.prune()
  }
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
  expect(bytes).toBeLessThan(15 * mebibyte)
  expect(store.counts().done).toBe(jobs)
  expect(store.tensors(1)).toEqual([])
  expect(store.tensors(jobs)).toHaveLength(tensors)
})

function bookmark(tensor: number, slice: number) {
  return { tensor, slice, checksum: new Uint8Array(64), squaredError: 0.1, energy: 0.2, compared: 3, milliseconds: 4.5 }
}

function beginConversion(database: ReturnType<typeof openDatabase>, output: string): number {
  const { lastInsertRowid } = database
    .prepare(
      `INSERT INTO conversion (output, model, recipe, mix, fingerprint, sources, size, begun_ms)
       VALUES (?, 'm', 'Q4_K_M', 'latest', 'f', '[]', 1, 0)`,
    )
    .run(output)
  return Number(lastInsertRowid)
}
