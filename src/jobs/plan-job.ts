import { stat } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import { planPaths } from '../convert/output-paths.ts'
import { goneSources } from '../convert/source-reclaimed.ts'
import { findConversion } from '../convert/state/conversions.ts'
import type { StateDatabase } from '../convert/state/database.ts'
import { findKeptPlan } from '../convert/state/kept-plans.ts'
import { readReclaimed } from '../convert/state/reclaimed-shards.ts'
import type { Contradiction } from '../model/description.ts'
import { openModel } from '../model/open-model.ts'
import { importanceOf } from '../plan/importance.ts'
import { makePlan } from '../plan/make-plan.ts'
import type { Plan } from '../plan/plan.ts'
import { recipeList } from '../quant/recipes.ts'
import type { Job } from './job.ts'
import { readImportance } from './read-importance.ts'
import { readPlanRequest } from './read-plan-request.ts'

export interface PlannedJob {
  readonly plan: Plan
  readonly contradictions: readonly Contradiction[]
}

/**
 * The plan that was kept, where the job has deleted some of its sources; otherwise looks at the model and plans
 * the job's output.
 * @throws MiberaError for a model that is not fit or leaves questions open.
 */
export async function planJob(job: Job, database: StateDatabase): Promise<PlannedJob> {
  const kept = await keptPlan(job, database)
  if (kept !== undefined) return kept
  const { family, overrides, pre } = job.options
  const request = await readPlanRequest(recipeList(job.recipe) ?? [], job.mix, job.options)
  const { input, description } = await openModel(job.model, {
    overrides: new Map(Object.entries(overrides ?? {})),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
  })
  if (job.options.reclaimSource === true && description.from === 'gguf') throw keptSource(job.model)
  const plan = makePlan(input, description, request)
  return { plan, contradictions: description.contradictions }
}

/** A GGUF is a model that somebody may be running, and mostly the only copy; not a download on its way to become one. */
function keptSource(path: string): MiberaError {
  return new MiberaError(
    'USAGE',
    `${path} is a GGUF, and only shards of safetensors are deleted as they are converted`,
    {
      subject: path,
      hint: 'Add the job without reclaimSource, and delete the file yourself when the new one suits you.',
    },
  )
}

async function keptPlan(job: Job, database: StateDatabase): Promise<PlannedJob | undefined> {
  const conversion = findConversion(database, job.output)
  if (conversion === undefined || readReclaimed(database, conversion.id).length === 0) return undefined
  // What is done belongs to the job that did it: a new one looks at what the folder holds now.
  if (conversion.state === 'done' && job.totalWeights === 0) return undefined
  // Where all were put back, it may begin anew.
  const restarts = job.options.restart === true && job.totalWeights === 0
  if (restarts && (await goneSources(database, job.output)).length === 0) return undefined
  const kept = findKeptPlan(database, conversion.id)
  if (kept?.plan.recipe !== job.recipe || kept.plan.mix !== job.mix) return undefined
  return { ...kept, plan: await withImportances(kept.plan, job) }
}

/** The importances are not kept with a plan: they are read again, and must be the same. */
async function withImportances(plan: Plan, { options: { importance } }: Job): Promise<Plan> {
  if (plan.importance === undefined || importance === undefined) return plan
  const given = await readImportance({ ...importance, sha256: plan.importance.sha256 })
  const recipeOf = (file: number) => plan.files[file]?.recipe ?? plan.recipe
  const tensors = plan.tensors.map((tensor) => ({
    ...tensor,
    importance: importanceOf(given, recipeOf(tensor.file), tensor),
  }))
  return { ...plan, tensors }
}

/** Whether this very job made its files, and the process died before it could record that of the job. */
export async function isMadeAlready(job: Job, plan: Plan, database: StateDatabase): Promise<boolean> {
  if (job.totalWeights === 0) return false
  const conversion = findConversion(database, job.output)
  if (conversion?.state !== 'done' || conversion.fingerprint !== plan.fingerprint) return false
  const paths = planPaths(plan, job.output)
  const sizes = await Promise.all(paths.map(async ({ output }) => (await stat(output).catch(() => undefined))?.size))
  return plan.files.every(({ size }, index) => sizes[index] === size)
}
