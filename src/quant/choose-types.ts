import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import { type Fallback, fitType } from './fallback.ts'
import { keptReason } from './kept-tensors.ts'
import { b3613 } from './mixes/b3613.ts'
import { latest } from './mixes/latest.ts'
import type { Mix } from './mixes/mix.ts'
import type { ModelShape, TensorToType } from './model-to-type.ts'
import type { Recipe } from './recipes.ts'
import { fallbackUnwanted, importanceMissing, noReplacement, unknownToMix } from './refused-choice.ts'
import { RuleWalk } from './rules/rule-walk.ts'
import { tensorCategory } from './tensor-category.ts'
import { recipeDecides, type TypeOptions } from './type-options.ts'
import { wishedAlways, wishedOfQuantized } from './wished-type.ts'

export interface TypeChoice {
  readonly type: GgmlType
  /** One line for a person. */
  readonly reason: string
  /** Present when the rows do not fit the type that was wanted. */
  readonly fallback?: Fallback
}

const mixes = { latest, b3613 } as const satisfies Record<string, Mix>

/** Which llama.cpp's choice of types is followed: today's, or the one of release b3613 (August 2024). */
export type MixName = keyof typeof mixes

export const mixNames = Object.keys(mixes) as readonly MixName[]

/**
 * The type llama.cpp's `llama-quantize` gives each tensor under `recipe` and the options of the same names, in the order
 * of `tensors`. That order matters to the mix b3613: it is the order of the file.
 * @throws MiberaError where it refuses: IMPORTANCE_MISSING, TYPE_UNSUPPORTED.
 */
export function chooseTypes(
  tensors: readonly TensorToType[],
  model: ModelShape,
  recipe: Recipe,
  mix: MixName,
  options: TypeOptions = recipeDecides,
): readonly TypeChoice[] {
  if (mixes[mix].lacks.includes(recipe.name)) throw unknownToMix(recipe.name, mix)
  const rules = new RuleWalk(tensors, model, recipe, mixes[mix], options.hasImportance !== undefined)
  const choosing = { rules, recipe, mix: mixes[mix], options }
  const choices = new Map(inOrderOf(mix, tensors).map((tensor) => [tensor, choose(tensor, choosing)]))
  const inOrder = tensors.map((tensor) => choices.get(tensor) as TypeChoice)
  if (options.noFallback) refuseFallbacks(tensors, inOrder, recipe)
  return inOrder
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

interface Choosing {
  readonly rules: RuleWalk
  readonly recipe: Recipe
  readonly mix: Mix
  readonly options: TypeOptions
}

function choose({ name, shape, keptAs = 'F32' }: TensorToType, { rules, recipe, mix, options }: Choosing): TypeChoice {
  const category = tensorCategory(name)
  const kept = keptReason(name, shape, mix)
  if (kept !== undefined) return { type: keptAs, reason: kept }
  if (options.leaveOutput && category === 'output') return { type: keptAs, reason: '--leave-output-tensor' }
  const always = wishedAlways(name, category, options)
  const { type: wanted, reason } = always ?? quantizedType(name, shape, rules, options)
  const fitting = fitType(wanted, shape, mix)
  if (fitting === undefined || (always !== undefined && fitting.fallback !== undefined)) {
    throw noReplacement(name, wanted, shape.at(-1) ?? 1)
  }
  const { type, fallback } = fitting
  if (type !== keptAs && mix.needsImportance(type, category, recipe.name) && options.hasImportance?.(name) !== true) {
    throw importanceMissing(name, type, recipe.name, options.hasImportance !== undefined)
  }
  if (fallback === undefined) return { type, reason }
  const misfit = `rows of ${shape.at(-1)} are not whole blocks of ${wanted} (${blockTypes[wanted].blockWeights})`
  return { type, reason: `${reason}; ${misfit}`, fallback }
}

function quantizedType(
  name: string,
  shape: readonly number[],
  rules: RuleWalk,
  options: TypeOptions,
): { readonly type: GgmlType; readonly reason: string } {
  if (!rules.isQuantized) return rules.base
  const wished = wishedOfQuantized(name, tensorCategory(name), rules.tied, options)
  if (wished !== undefined) return wished
  return options.pure ? { ...rules.base, reason: '--pure' } : rules.next(name, shape)
}

function refuseFallbacks(tensors: readonly TensorToType[], choices: readonly TypeChoice[], recipe: Recipe): void {
  const misfits = tensors.flatMap(({ name, shape }, index) => {
    const { type, fallback } = choices[index] ?? {}
    return type === undefined || fallback === undefined
      ? []
      : [{ name, columns: shape.at(-1) ?? 1, wanted: fallback.wanted, type }]
  })
  if (misfits.length > 0) throw fallbackUnwanted(misfits, recipe.name)
}

function byLayerThenName(a: { readonly name: string }, b: { readonly name: string }): number {
  return layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** Tensors outside the layers come first. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}
