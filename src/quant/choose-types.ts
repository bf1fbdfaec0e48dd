import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import { type Fallback, fitType } from './fallback.ts'
import { b3613 } from './mixes/b3613.ts'
import { latest } from './mixes/latest.ts'
import type { Mix } from './mixes/mix.ts'
import type { ModelShape, TensorToType } from './model-to-type.ts'
import type { Recipe } from './recipes.ts'
import { importanceMissing, noReplacement, unknownToMix } from './refused-choice.ts'
import { RuleWalk } from './rules/rule-walk.ts'
import { keptReason, tensorCategory } from './tensor-category.ts'
import { recipeDecides, type TypeOptions } from './type-options.ts'

export interface TypeChoice {
  readonly type: GgmlType
  /** One line for a person. */
  readonly reason: string
  /** Present when the rows do not fit the type that the recipe wants. */
  readonly fallback?: Fallback
}

const mixes = { latest, b3613 } as const satisfies Record<string, Mix>

/** Which llama.cpp's choice of types is followed: today's, or the one of release b3613 (August 2024). */
export type MixName = keyof typeof mixes

export const mixNames = Object.keys(mixes) as readonly MixName[]

/**
 * The type llama.cpp's `llama-quantize` gives each tensor of an F32 file under `recipe`, without an importance matrix,
 * in the order of `tensors`. That order matters to the mix b3613: it is the order of the file.
 * @throws MiberaError where it refuses: IMPORTANCE_MISSING, TYPE_UNSUPPORTED.
 */
export function chooseTypes(
  tensors: readonly TensorToType[],
  model: ModelShape,
  recipe: Recipe,
  mix: MixName,
  _options: TypeOptions = recipeDecides,
): readonly TypeChoice[] {
  if (mixes[mix].lacks.includes(recipe.name)) throw unknownToMix(recipe.name, mix)
  const rules = new RuleWalk(tensors, model, recipe, mixes[mix])
  const choices = new Map(inOrderOf(mix, tensors).map((tensor) => [tensor, choose(tensor, rules, recipe, mixes[mix])]))
  return tensors.map((tensor) => choices.get(tensor) as TypeChoice)
}

/**
 * Tensors in the order in which the release's `llama-quantize` goes through them and writes them: that of the file, or
 * by layer, then name.
 */
export function inOrderOf<Tensor extends { readonly name: string }>(
  mix: MixName,
  tensors: readonly Tensor[],
): readonly Tensor[] {
  return mixes[mix].countsBy === 'layer' ? tensors.toSorted(byLayerThenName) : tensors
}

function choose({ name, shape, keptAs = 'F32' }: TensorToType, rules: RuleWalk, recipe: Recipe, mix: Mix): TypeChoice {
  const kept = keptReason(name, shape)
  if (kept !== undefined) return { type: keptAs, reason: kept }
  const { type: wanted, reason } = rules.next(name, shape)
  const fitting = fitType(wanted, shape, mix)
  if (fitting === undefined) throw noReplacement(name, wanted, shape.at(-1) ?? 1)
  const { type, fallback } = fitting
  if (needsImportance(name, type, mix)) throw importanceMissing(name, type, recipe.name)
  if (fallback === undefined) return { type, reason }
  const misfit = `rows of ${shape.at(-1)} are not whole blocks of ${wanted} (${blockTypes[wanted].blockWeights})`
  return { type, reason: `${reason}; ${misfit}`, fallback }
}

function needsImportance(name: string, type: GgmlType, mix: Mix): boolean {
  return mix.needsImportance.includes(type) && !['output', 'token-embedding'].includes(tensorCategory(name))
}

function byLayerThenName(a: { readonly name: string }, b: { readonly name: string }): number {
  return layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** Tensors outside the layers come first. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}
