import type { ModelFolder } from '../../formats/safetensors/model-folder.ts'
import { openModelFolder } from '../../formats/safetensors/open-folder.ts'
import { type DescribeOptions, describeModel } from '../../model/describe.ts'
import type { FolderDescription } from '../../model/description.ts'
import { type OpenedModel, openModel } from '../../model/open-model.ts'
import type { ModelOptions } from './model-options.ts'

/** A model's folder, or its GGUF. */
export function understandModel(path: string, options: ModelOptions): Promise<OpenedModel> {
  return openModel(path, describeOptions(options))
}

export interface UnderstoodFolder {
  readonly folder: ModelFolder
  readonly description: FolderDescription
}

export async function understandFolder(path: string, options: ModelOptions): Promise<UnderstoodFolder> {
  const folder = await openModelFolder(path)
  return { folder, description: await describeModel(folder, describeOptions(options)) }
}

function describeOptions({ family, pre, override }: ModelOptions): DescribeOptions {
  return {
    overrides: override ?? new Map(),
    ...(family === undefined ? {} : { family }),
    ...(pre === undefined ? {} : { pre }),
  }
}
