import { nearestName } from '../base/nearest-name.ts'
import { blockTypes } from '../formats/ggml/block-types.ts'
import type { ModelDescription } from '../model/description.ts'
import type { PlanRequest } from './plan-request.ts'

/** What of a request has no effect on this model, or likely another than meant: one line each, for a person. */
export function requestNotices(model: ModelDescription, request: PlanRequest): string[] {
  return [...patternNotices(model, request), ...keyNotices(model, request)]
}

function patternNotices({ tensors }: ModelDescription, { types, recipes }: PlanRequest): string[] {
  const plain = recipes.filter(({ baseType }) => blockTypes[baseType].blockWeights === 1).map(({ name }) => name)
  const idle =
    types.tensorTypes.length > 0 && plain.length > 0
      ? [`--tensor-type has no effect on ${plain.join(', ')}, as in llama-quantize`]
      : []
  const unmatched = types.tensorTypes.filter(([pattern]) => !tensors.some(({ name }) => pattern.test(name)))
  return [
    ...idle,
    ...unmatched.map(([{ source }]) => `--tensor-type ${source}: no tensor has that in its name${mean(source)}`),
  ]

  function mean(pattern: string): string {
    const near = nearestName(pattern, new Set(tensors.map(({ name }) => kindOf(name))))
    return near === undefined ? '' : `; did you mean ${near}?`
  }
}

/** "blk.3.attn_v.weight" → "attn_v" */
function kindOf(name: string): string {
  return name.replace(/^blk\.\d+\./, '').replace(/\.(weight|bias)$/, '')
}

function keyNotices({ metadata, architecture }: ModelDescription, { metadataOverrides = [] }: PlanRequest): string[] {
  // The first part of a key tells whom it is for; llama.cpp reads an architecture's own for that architecture alone.
  const read = ['general', 'tokenizer', architecture]
  return metadataOverrides.flatMap(([key]) => {
    if (metadata.has(key)) return []
    const [prefix = '', ...rest] = key.split('.')
    const own = [architecture, ...rest].join('.')
    const near = metadata.has(own) ? own : nearestName(key, metadata.keys())
    if (near !== undefined) return [`--override-kv ${key} adds a key; did you mean ${near}?`]
    if (read.includes(prefix)) return []
    return [`--override-kv ${key} adds a key that llama.cpp does not read: the model's own begin with ${architecture}.`]
  })
}
