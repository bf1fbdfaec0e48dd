import { stat } from 'node:fs/promises'
import { findConversion } from '../convert/state/conversions.ts'
import type { StateDatabase } from '../convert/state/database.ts'
import { openModelFolder } from '../formats/safetensors/open-folder.ts'
import { describeModel } from '../model/describe.ts'
import type { Contradiction } from '../model/description.ts'
import { makePlan } from '../plan/make-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { recipe } from '../quant/recipes.ts'
import type { Job } from './job.ts'

export interface PlannedJob {
  readonly plan: Plan
  readonly contradictions: readonly Contradiction[]
}

/**
 * Looks at the model's folder and plans the job's output.
 * @throws MiberaError for a folder that is not fit or leaves questions open.
 */
export async function planJob(job: Job, _database: StateDatabase): Promise<PlannedJob> {
  const { family, overrides, pre } = job.options
  const folder = await openModelFolder(job.model)
  const description = await describeModel(folder, {
    overrides: new Map(Object.entries(overrides ?? {})),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
  })
  const plan = makePlan(folder, description, recipe(job.recipe), job.mix)
  return { plan, contradictions: description.contradictions }
}

/** Whether this very job made its file, and the process died before it could record that of the job. */
export async function isMadeAlready(job: Job, plan: Plan, database: StateDatabase): Promise<boolean> {
  if (job.totalWeights === 0) return false
  const conversion = findConversion(database, job.output)
  if (conversion?.state !== 'done' || conversion.fingerprint !== plan.fingerprint) return false
  const file = await stat(job.output).catch(() => undefined)
  return file?.size === plan.size
}
