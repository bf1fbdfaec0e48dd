import { join } from 'node:path'
import type { Plan } from '#dist/plan/plan.js'
import { mibera } from '../helpers/command-line.ts'
import { planFolder } from '../helpers/convert-folder.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'

export const storyShards = 13
export const storyRecipe = 'Q4_K_M'

/** A model of 13 shards and 39 tensors, 14 million weights: half a second's work for one thread. */
export interface StoryModel {
  /** Where it lies complete; a download is a copy of this folder. */
  readonly folder: string
  /** As it is planned: where each slice of the output goes. */
  readonly plan: Plan
}

export async function writeStoryModel(folder: string): Promise<StoryModel> {
  await writeSmallModel(folder, { shards: storyShards, dtype: 'BF16' }, { ...smallShape, layers: 6 })
  return { folder, plan: await planFolder(folder, storyRecipe) }
}

/** How a daemon is asked to watch `watch` for such models. */
export function watchWords(watch: string, quietSeconds: number): string[] {
  const quiet = ['--quiet-time', String(quietSeconds)]
  return ['--watch', watch, '--type', storyRecipe, '--pre', smallPre, ...quiet]
}

/** Converts in the foreground, as somebody without a daemon would; `beside` takes the file and its state. */
export async function convertInForeground(model: string, beside: string): Promise<string> {
  const output = join(beside, 'foreground.gguf')
  const words = ['convert', model, '--pre', smallPre, '--type', storyRecipe, '--quiet', '--out', output]
  const end = await mibera([...words, '--state-dir', join(beside, 'foreground state')])
  if (end.status !== 0) throw new Error(`the foreground conversion failed:\n${end.stderr}`)
  return output
}
