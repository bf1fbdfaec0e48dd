import type { ModelFolder } from '../../formats/safetensors/model-folder.ts'
import { openModelFolder } from '../../formats/safetensors/open-folder.ts'
import { describeModel } from '../../model/describe.ts'
import type { ModelDescription } from '../../model/description.ts'
import type { ModelOptions } from './model-options.ts'

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
