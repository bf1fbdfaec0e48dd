import { basename, dirname, resolve } from 'node:path'
import type { RecipeName } from '../quant/recipes.ts'

/** "NAME-TYPE.gguf": what a conversion's output is called unless somebody names it. */
export function outputFileName(modelFolder: string, recipe: RecipeName): string {
  return `${modelName(modelFolder)}-${recipe}.gguf`
}

/** Name of a model folder; in the Hugging Face cache that of the repository rather than of the revision. */
function modelName(folder: string): string {
  const snapshots = dirname(resolve(folder))
  if (basename(snapshots) !== 'snapshots') return basename(resolve(folder))
  return basename(dirname(snapshots)).split('--').at(-1) ?? basename(folder)
}
