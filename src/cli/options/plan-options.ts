import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'
import { addImportanceOptions, type ImportanceOptions, readImportanceOptions } from './importance-options.ts'
import { addMetadataOptions, type MetadataCommandOptions, readMetadataOptions } from './metadata-options.ts'
import { addModelOptions, type ModelOptions } from './model-options.ts'
import { addRequantizeOption, type RequantizeOption, readRequantizeOption } from './requantize-option.ts'
import { addSplitOptions, readSplitOptions, type SplitOptions } from './split-options.ts'
import { addTypeOptions, readTypeOptions, type TypeCommandOptions } from './type-options.ts'

/** What `convert` and `plan` both take, as commander gives it. */
export type PlanCommandOptions = ModelOptions &
  TypeCommandOptions &
  ImportanceOptions &
  MetadataCommandOptions &
  RequantizeOption &
  SplitOptions

/** In the order in which the help shows them. */
const groups = [
  addRequantizeOption,
  addModelOptions,
  addTypeOptions,
  addImportanceOptions,
  addMetadataOptions,
  addSplitOptions,
] as const

export function addPlanOptions(command: Command): Command {
  return groups.reduce((added, add) => add(added), command)
}

/** The same in the form in which a job stores it. */
export function readPlanOptions(options: PlanCommandOptions): JobOptions {
  const { family, pre, override } = options
  return {
    ...readImportanceOptions(options),
    ...readRequantizeOption(options),
    ...readSplitOptions(options),
    ...readTypeOptions(options),
    ...readMetadataOptions(options),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
    ...(override === undefined ? {} : { overrides: Object.fromEntries(override) }),
  }
}
