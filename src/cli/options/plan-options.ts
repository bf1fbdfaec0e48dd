import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'
import { addModelOptions, type ModelOptions } from './model-options.ts'

/** What `convert` and `plan` both take, as commander gives it. */
export type PlanCommandOptions = ModelOptions

export function addPlanOptions(command: Command): Command {
  return addModelOptions(command)
}

/** The same in the form in which a job stores it. */
export function readPlanOptions({ family, pre, override }: PlanCommandOptions): JobOptions {
  return {
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
    ...(override === undefined ? {} : { overrides: Object.fromEntries(override) }),
  }
}
