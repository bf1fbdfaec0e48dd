import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import { type Fallback, fitType } from './fallback.ts'
import { b3613 } from './mixes/b3613.ts'
import { latest } from './mixes/latest.ts'
import type { Mix } from './mixes/mix.ts'
import type { Recipe } from './recipes.ts'
import { importanceMissing, noReplacement, unknownToMix } from './refused-choice.ts'
import {
  attentionOutputType,
  attentionQueryOrKeyType,
  attentionValueType,
  fusedAttentionType,
} from './rules/attention.ts'
import { embeddingType, outputType } from './rules/embedding.ts'
import { expertsType } from './rules/experts.ts'
import { feedForwardDownType, feedForwardGateOrUpType } from './rules/feed-forward.ts'
import type { Position, RuledType } from './rules/ruled-type.ts'
import { keptReason, type TensorCategory, tensorCategory } from './tensor-category.ts'

/** A tensor of the output, by its GGUF name; `shape` is outermost first. */
export interface TensorToType {
  readonly name: string
  readonly shape: readonly number[]
}

/** What the rules ask about the model beside its tensors. */
export interface ModelShape {
  readonly architecture: 'phi3' | 'llama'
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
}

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
): readonly TypeChoice[] {
  if (mixes[mix].lacks.includes(recipe.name)) throw unknownToMix(recipe.name, mix)
  const rules = new Rules(tensors, model, recipe, mixes[mix])
  const walk = tensors.map((tensor, index) => ({ tensor, index }))
  if (mixes[mix].countsBy === 'layer') walk.sort((a, b) => byLayerThenName(a.tensor, b.tensor))
  const choices: TypeChoice[] = []
  for (const { tensor, index } of walk) choices[index] = rules.choose(tensor)
  return choices
}

/** One walk over the tensors of a model: some rules count how many of a kind came before. */
class Rules {
  readonly #model: ModelShape
  readonly #recipe: Recipe
  readonly #mix: Mix
  readonly #tied: boolean
  readonly #values: number
  /** How many tensors of a category came before. */
  readonly #seen = new Map<TensorCategory, number>()

  constructor(tensors: readonly TensorToType[], model: ModelShape, recipe: Recipe, mix: Mix) {
    this.#model = model
    this.#recipe = recipe
    this.#mix = mix
    this.#tied = !tensors.some(({ name }) => tensorCategory(name) === 'output')
    // Both releases count the fused matrices here, even where the rule for values does not apply to them.
    this.#values = tensors.filter(({ name }) =>
      ['attention-value', 'attention-qkv'].includes(tensorCategory(name)),
    ).length
  }

  choose({ name, shape }: TensorToType): TypeChoice {
    const kept = keptReason(name, shape)
    if (kept !== undefined) return { type: 'F32', reason: kept }
    const { type: wanted, reason } = (this.#isQuantized() ? this.#rule(name, shape) : undefined) ?? this.#base()
    const fitting = fitType(wanted, shape, this.#mix)
    if (fitting === undefined) throw noReplacement(name, wanted, shape.at(-1) ?? 1)
    const { type, fallback } = fitting
    if (this.#needsImportance(name, type)) throw importanceMissing(name, type, this.#recipe.name)
    if (fallback === undefined) return { type, reason }
    const misfit = `rows of ${shape.at(-1)} are not whole blocks of ${wanted} (${blockTypes[wanted].blockWeights})`
    return { type, reason: `${reason}; ${misfit}`, fallback }
  }

  #needsImportance(name: string, type: GgmlType): boolean {
    return this.#mix.needsImportance.includes(type) && !['output', 'token-embedding'].includes(tensorCategory(name))
  }

  #isQuantized(): boolean {
    return blockTypes[this.#recipe.baseType].blockWeights > 1
  }

  #base(): RuledType {
    return { type: this.#recipe.baseType, reason: `${this.#recipe.name} base type` }
  }

  #rule(name: string, shape: readonly number[]): RuledType | undefined {
    const category = tensorCategory(name)
    const recipe = this.#recipe.name
    if (category === 'output') return this.#outputRule(shape, 'output projection')
    if (category === 'token-embedding' && this.#tied) {
      return this.#outputRule(shape, 'embedding, also the output projection')
    }
    if (recipe === 'MXFP4_MOE') return expertsType(shape)
    if (this.#mix.valueLike.includes(category)) return this.#valueRule(this.#next('attention-value', this.#values))
    const at = this.#next(category, this.#model.layers)
    switch (category) {
      case 'token-embedding':
        return embeddingType(this.#recipe, at)
      case 'attention-qkv':
        return fusedAttentionType(recipe, at)
      case 'attention-query':
      case 'attention-key':
        return attentionQueryOrKeyType(recipe, at)
      case 'attention-output':
        return attentionOutputType(recipe, at)
      case 'feed-forward-gate':
      case 'feed-forward-up':
        return feedForwardGateOrUpType(recipe, at)
      case 'feed-forward-down':
        return feedForwardDownType(recipe, at)
      default:
        return undefined
    }
  }

  #next(category: TensorCategory, count: number): Position {
    const index = this.#seen.get(category) ?? 0
    this.#seen.set(category, index + 1)
    return { index, count }
  }

  #outputRule(shape: readonly number[], reason: string): RuledType {
    return { type: outputType(this.#recipe, shape.at(-1) ?? 1), reason }
  }

  #valueRule(at: Position): RuledType | undefined {
    const { heads, kvHeads } = this.#model
    const ruled = attentionValueType(this.#recipe.name, at, kvHeads === 0 ? 0 : Math.floor(heads / kvHeads))
    const { type } = ruled ?? this.#base()
    return this.#is70B() && (type === 'Q3_K' || type === 'Q4_K')
      ? { type: 'Q5_K', reason: 'attention values of a model of 70B kind (80 layers, shared values)' }
      : ruled
  }

  /** llama.cpp's idea of "70B": nothing but the architecture, the layers and that heads share values. */
  #is70B(): boolean {
    const { architecture, layers, heads, kvHeads } = this.#model
    return architecture === 'llama' && layers === 80 && heads !== kvHeads
  }
}

function byLayerThenName(a: TensorToType, b: TensorToType): number {
  return layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** Tensors outside the layers come first. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}
