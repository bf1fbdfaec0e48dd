import { splitName } from '../formats/gguf/split.ts'
import type { Plan, PlannedFile, PlannedTensor } from './plan.ts'

/** Bytes of all files of the output. */
export function planSize({ files }: Pick<Plan, 'files'>): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

/** The tensors of one file, each with its position in the plan. */
export function tensorsOfFile(
  { tensors }: Pick<Plan, 'tensors'>,
  file: number,
): { readonly index: number; readonly tensor: PlannedTensor }[] {
  return tensors.map((tensor, index) => ({ tensor, index })).filter(({ tensor }) => tensor.file === file)
}

/**
 * What the files are called that stand beside the output asked for.
 * @param asked file name of that output: with one recipe and no shards the name of the only file, otherwise what all
 * names begin with, as llama.cpp has it. "M.gguf" becomes "M-Q2_K.gguf" where several recipes are made, and
 * "M-00001-of-00003.gguf" where the file is split.
 */
export function fileNames(
  { files }: { readonly files: readonly Pick<PlannedFile, 'recipe' | 'shard'>[] },
  asked: string,
): string[] {
  const several = new Set(files.map(({ recipe }) => recipe)).size > 1
  return files.map((file) => fileName(file, asked, several))
}

function fileName({ recipe, shard }: Pick<PlannedFile, 'recipe' | 'shard'>, asked: string, several: boolean): string {
  if (!several && shard === undefined) return asked
  const stem = asked.replace(/\.gguf$/i, '')
  const ofRecipe = several ? `${stem}-${recipe}` : stem
  if (shard === undefined) return `${ofRecipe}.gguf`
  return splitName(ofRecipe, shard.index, shard.count)
}
