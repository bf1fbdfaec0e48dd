import type { JobOptions } from '#dist/jobs/job-options.js'
import { type RecipeName, recipeNames } from '#dist/quant/recipes.js'

/** A conversion whose memory is measured. */
export interface MemoryCase {
  /** Under which it is summed up. */
  readonly kind: string
  readonly model: ModelName
  /** "Q3_K_M", or several: "Q3_K_M,Q2_K". */
  readonly types: string
  readonly wish: Wish
}

/** Folders of safetensors, GGUF files, and one GGUF in several files. */
export type ModelName =
  | 'F32'
  | 'BF16'
  | 'F32.gguf'
  | 'F16.gguf'
  | 'BF16.gguf'
  | 'Q8_0.gguf'
  | 'Q6_K.gguf'
  | 'F16 in files'

/** The same wish in the words of the command line and in those of a job. */
export interface Wish {
  readonly words: readonly string[]
  readonly options: JobOptions
}

const requantize: Wish = { words: ['--allow-requantize'], options: { allowRequantize: true } }
const filesOfOneTensor: Wish = { words: ['--split-max-tensors', '1'], options: { split: { maxTensors: 1 } } }
const filesOf8M: Wish = { words: ['--split-max-size', '8M'], options: { split: { maxBytes: 8e6 } } }

/** Only rounded: importances say nothing to them. */
const floats: readonly RecipeName[] = ['F32', 'F16', 'BF16']
/** llama.cpp makes them only with an importance matrix. */
const guided: readonly RecipeName[] = ['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ2_M', 'Q2_K_S', 'IQ3_XXS']

/** Every recipe with and without an importance matrix, and of pairs, splits and GGUF input those that differ most. */
export function memoryCases(imatrix: string): MemoryCase[] {
  const measured: Wish = { words: ['--imatrix', imatrix], options: { importance: { file: imatrix } } }
  const of = (kind: string, model: ModelName, types: readonly string[], ...wishes: readonly Wish[]): MemoryCase[] => {
    const wish = {
      words: wishes.flatMap(({ words }) => words),
      options: Object.assign({}, ...wishes.map(({ options }) => options)) as JobOptions,
    }
    return types.map((types) => ({ kind, model, types, wish }))
  }
  const unguided = recipeNames.filter((name) => !guided.includes(name))
  const weighed = recipeNames.filter((name) => !floats.includes(name))
  return [
    ...of('F32', 'F32', unguided),
    ...of('BF16', 'BF16', unguided),
    ...of('F32, importance matrix', 'F32', weighed, measured),
    ...of('several types', 'F32', ['Q3_K_M,Q2_K', 'Q8_0,BF16', 'F16,F32', 'Q4_K_M,Q6_K,Q8_0']),
    ...of('several types', 'BF16', ['Q3_K_M,Q2_K', 'Q8_0,BF16']),
    ...of('several types, importance matrix', 'F32', ['IQ2_XS,IQ3_M', 'IQ1_S,Q4_K_M', 'IQ1_M,IQ2_S,IQ4_XS'], measured),
    ...of('split', 'F32', ['Q4_K_M', 'F32', 'Q3_K_M,Q2_K', 'Q8_0,BF16'], filesOfOneTensor),
    ...of('split', 'BF16', ['Q8_0', 'Q8_0,BF16'], filesOf8M),
    ...of('split', 'F32', ['IQ2_XS', 'IQ2_XS,IQ3_M'], filesOfOneTensor, measured),
    ...of('GGUF', 'F32.gguf', ['Q4_K_M', 'F16', 'Q3_K_M,Q2_K']),
    ...of('GGUF', 'F32.gguf', ['IQ2_XS', 'IQ2_XS,IQ3_M'], measured),
    ...of('GGUF', 'F16.gguf', ['Q4_K_M', 'Q8_0', 'F32']),
    ...of('GGUF', 'BF16.gguf', ['Q4_K_M', 'Q8_0,BF16']),
    ...of('GGUF', 'F16 in files', ['Q4_K_M', 'Q8_0,F32']),
    ...of('GGUF', 'F16 in files', ['Q3_K_M,Q2_K'], filesOfOneTensor),
    ...of('quantized GGUF', 'Q8_0.gguf', ['Q4_K_M', 'F32', 'Q8_0,Q3_K_M'], requantize),
    ...of('quantized GGUF', 'Q6_K.gguf', ['Q4_K_M', 'BF16', 'Q3_K_M,Q2_K'], requantize),
    ...of('quantized GGUF', 'Q6_K.gguf', ['IQ2_XS'], requantize, measured),
  ]
}
