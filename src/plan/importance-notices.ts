import { usesImportance } from '../quant/kernels.ts'
import type { Plan, PlannedTensor } from './plan.ts'

/**
 * What an importance matrix leaves undone: one line for each recipe that it says nothing to, as a matrix of another
 * model does whose names differ. Outside the layers llama-imatrix measures nothing, unless told to.
 */
export function importanceNotices({ files, tensors, importance }: Plan): string[] {
  if (importance === undefined) return []
  const recipes = [...new Set(files.map(({ recipe }) => recipe))]
  return recipes.flatMap((recipe) => {
    const own = tensors.filter(({ file }) => files[file]?.recipe === recipe)
    if (own.every(({ type }) => !usesImportance(type))) {
      return [`--imatrix changes nothing in ${recipe}: its blocks are not chosen by importances`]
    }
    const guided = own.filter((tensor) => tensor.importance !== undefined)
    const lacking = own.filter(lacksImportance)
    const [first] = lacking
    if (first === undefined) return []
    const count = `${lacking.length} of ${lacking.length + guided.length} matrices`
    return [`${recipe}: ${importance.file} has no entry for ${count}, such as ${first.name}`]
  })
}

function lacksImportance({ name, type, source, importance }: PlannedTensor): boolean {
  const isCopied = source.kind === 'rows' && source.dtype === type
  return importance === undefined && name.startsWith('blk.') && usesImportance(type) && !isCopied
}
