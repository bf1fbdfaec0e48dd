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

function keyNotices({ metadata }: ModelDescription, { metadataOverrides = [] }: PlanRequest): string[] {
  return metadataOverrides.flatMap(([key]) => {
    const near = metadata.has(key) ? undefined : nearestName(key, metadata.keys())
    return near === undefined ? [] : [`--override-kv ${key} adds a key; did you mean ${near}?`]
  })
}
