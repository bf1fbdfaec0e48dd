import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { usualBatch } from '#dist/convert/checkpoints.js'
import { writeBookmarks } from '#dist/convert/state/bookmarks.js'
import { beginConversion } from '#dist/convert/state/conversions.js'
import { withState } from '#dist/convert/state/with-state.js'
import { PartFile } from '#dist/disk/part-file.js'
import type { Plan } from '#dist/plan/plan.js'
import { median } from '../median.ts'

const rounds = 9

export interface BatchFigures {
  readonly bytes: number
  readonly slices: number
  readonly syncMilliseconds: number
  readonly commitMilliseconds: number
}

/** What it takes to make a full batch durable, on the disk of `folder`: the sync of its blocks, the commit of its bookmarks. */
export async function measureBatches(folder: string, plan: Plan, sliceBytes: number): Promise<BatchFigures> {
  const { bytes } = usualBatch
  const slices = Math.round(bytes / sliceBytes)
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'batches.part')
  const part = await PartFile.create(path, bytes * rounds, new Uint8Array(0))
  const blocks = randomBytes(2 ** 20)
  const syncs: number[] = []
  const commits: number[] = []
  try {
    await withState(join(folder, 'state'), async (database) => {
      const { id } = beginConversion(database, path, 'bench', plan)
      for (let round = 0; round < rounds; round++) {
        for (let at = 0; at < bytes; at += blocks.length) await part.write(blocks, round * bytes + at)
        const begun = performance.now()
        await part.sync()
        const synced = performance.now()
        writeBookmarks(
          database,
          id,
          Array.from({ length: slices }, (_, index) => bookmark(round * slices + index)),
        )
        syncs.push(synced - begun)
        commits.push(performance.now() - synced)
      }
    })
  } finally {
    await part.close()
  }
  return { bytes, slices, syncMilliseconds: median(syncs), commitMilliseconds: median(commits) }
}

function bookmark(slice: number) {
  const checksum = new Uint8Array(64)
  return { tensor: 0, slice, checksum, squaredError: 0, energy: 1, compared: 65_536, milliseconds: 10 }
}
