import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { allSlices } from '#dist/convert/slice-job.js'
import type { Plan } from '#dist/plan/plan.js'
import { mibera } from '../helpers/command-line.ts'
import { planFolder } from '../helpers/convert-folder.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'

export const trialRecipe = 'Q3_K_M'

/** What every trial converts, and what must come of it. */
export interface TrialModel {
  readonly folder: string
  readonly plan: Plan
  readonly slices: number
  /** As a plain conversion in the foreground makes it. */
  readonly expected: { readonly path: string; readonly sha256: string }
}

/**
 * Some 80 slices in some 50 jobs for other machines, 240 MB: many small tensors, and an embedding of two jobs.
 */
export async function writeTrialModel(root: string): Promise<TrialModel> {
  const folder = join(root, 'model')
  const shape = { ...smallShape, layers: 7, feedForward: 2048, vocabulary: 34_000 }
  await writeSmallModel(folder, { shards: 3 }, shape)
  const beside = join(root, 'plain')
  await mkdir(beside)
  const path = join(beside, 'plain.gguf')
  const words = ['convert', folder, '--pre', smallPre, '--type', trialRecipe, '--quiet', '--out', path]
  const end = await mibera([...words, '--state-dir', join(beside, 'state')])
  expect(end).toMatchObject({ status: 0 })
  const plan = await planFolder(folder, trialRecipe)
  return { folder, plan, slices: [...allSlices(plan)].length, expected: { path, sha256: await fileSha256(path) } }
}
