import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { TensorCategory } from './tensor-category.ts'
import type { TypeOptions } from './type-options.ts'

/** A type that a person asked for, and by which option. */
export interface WishedType {
  readonly type: GgmlType
  readonly reason: string
}

/** A type that holds under every recipe. Source: `llama_tensor_get_type` in llama-quant.cpp. */
export function wishedAlways(name: string, category: TensorCategory, options: TypeOptions): WishedType | undefined {
  const { embeddingType, outputType } = options
  // A pattern may take the embeddings of single layers out of it, even where patterns decide nothing else.
  const isMeant = name === 'token_embd.weight' || patternFor(name, options) === undefined
  if (category === 'token-embedding' && embeddingType !== undefined && isMeant) {
    return { type: embeddingType, reason: '--token-embedding-type' }
  }
  return category === 'output' && outputType !== undefined ? output(outputType) : undefined
}

/**
 * A type that holds under the quantized recipes, before any rule of theirs. Of several patterns the first that is found
 * in the name counts.
 * @param tied whether the embedding is the output projection, too
 */
export function wishedOfQuantized(
  name: string,
  category: TensorCategory,
  tied: boolean,
  options: TypeOptions,
): WishedType | undefined {
  const { outputType, pure } = options
  const found = patternFor(name, options)
  if (found !== undefined) return { type: found[1], reason: `--tensor-type ${found[0].source}` }
  // --pure passes by all rules, and this is one.
  const isOutput = tied && category === 'token-embedding' && !pure
  return isOutput && outputType !== undefined ? output(outputType) : undefined
}

function patternFor(name: string, { tensorTypes }: TypeOptions): TypeOptions['tensorTypes'][number] | undefined {
  return tensorTypes.find(([pattern]) => pattern.test(name))
}

const output = (type: GgmlType): WishedType => ({ type, reason: '--output-tensor-type' })
