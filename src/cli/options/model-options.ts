import type { Command } from 'commander'
import type { ModelFolder } from '../../formats/safetensors/model-folder.ts'
import { openModelFolder } from '../../formats/safetensors/open-folder.ts'
import { describeModel } from '../../model/describe.ts'
import type { ModelDescription } from '../../model/description.ts'
import { parseOverride } from './parse.ts'

export interface ModelOptions {
  readonly family?: string
  readonly override?: ReadonlyMap<string, string>
  readonly pre?: string
}

/** The options by which a person answers what a folder leaves open. */
export function addModelOptions(command: Command): Command {
  return command
    .option('--family <name>', 'what family of models this is, where the folder does not tell')
    .option('--override <key=value>', 'a hyperparameter that you know better (repeatable)', parseOverride)
    .option('--pre <name>', "llama.cpp's name of the pre-tokenizer, where it is not recognised")
}

export interface UnderstoodModel {
  readonly folder: ModelFolder
  readonly description: ModelDescription
}

export async function understandModel(path: string, options: ModelOptions): Promise<UnderstoodModel> {
  const folder = await openModelFolder(path)
  const { family, pre, override } = options
  const description = await describeModel(folder, {
    overrides: override ?? new Map(),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
  })
  return { folder, description }
}
