import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'
import { addModelOptions, type ModelOptions } from './model-options.ts'
import { addRequantizeOption, type RequantizeOption, readRequantizeOption } from './requantize-option.ts'

/** What `convert` and `plan` both take, as commander gives it. */
export type PlanCommandOptions = ModelOptions & RequantizeOption

export function addPlanOptions(command: Command): Command {
  return addRequantizeOption(addModelOptions(command))
}

/** The same in the form in which a job stores it. */
export function readPlanOptions(options: PlanCommandOptions): JobOptions {
  const { family, pre, override } = options
  return {
    ...readRequantizeOption(options),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
    ...(override === undefined ? {} : { overrides: Object.fromEntries(override) }),
  }
}
