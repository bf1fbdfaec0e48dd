import { basename, dirname, extname, resolve } from 'node:path'
import { isGgufPath } from '../model/open-model.ts'
import { findRecipe, type RecipeName } from '../quant/recipes.ts'

/**
 * "NAME-TYPE.gguf": what a conversion's output is called unless somebody names it. "NAME.gguf" where it is of several
 * types: the name of each file has its type then, see `fileNames`.
 */
export function outputFileName(model: string, recipe: RecipeName, ...more: readonly RecipeName[]): string {
  const name = isGgufPath(model) ? ggufName(model) : modelName(model)
  return more.length === 0 ? `${name}-${recipe}.gguf` : `${name}.gguf`
}

/** "models/Phi-4-F16-00001-of-00002.gguf" → "Phi-4": without the place among several files and the type. */
function ggufName(path: string): string {
  const name = basename(path, extname(path)).replace(/-\d{5}-of-\d{5}$/, '')
  const type = [...name.matchAll(/[-_.]/g)].find(({ index }) => index > 0 && isTypeName(name.slice(index + 1)))
  return name.slice(0, type?.index)
}

function isTypeName(text: string): boolean {
  return /^fp(?:16|32)$/i.test(text) || findRecipe(text) !== undefined
}

/** Name of a model folder; in the Hugging Face cache that of the repository rather than of the revision. */
function modelName(folder: string): string {
  const snapshots = dirname(resolve(folder))
  if (basename(snapshots) !== 'snapshots') return basename(resolve(folder))
  return basename(dirname(snapshots)).split('--').at(-1) ?? basename(folder)
}
