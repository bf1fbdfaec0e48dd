import { blockTypes } from '../../formats/ggml/block-types.ts'
import type { Mix } from '../mixes/mix.ts'
import type { ModelShape, TensorToType } from '../model-to-type.ts'
import type { Recipe } from '../recipes.ts'
import { type TensorCategory, tensorCategory } from '../tensor-category.ts'
import { attentionOutputType, attentionQueryOrKeyType, attentionValueType, fusedAttentionType } from './attention.ts'
import { embeddingType, outputType } from './embedding.ts'
import { expertsType } from './experts.ts'
import { feedForwardDownType, feedForwardGateOrUpType } from './feed-forward.ts'
import type { Position, RuledType } from './ruled-type.ts'

/** One walk over the tensors of a model: some rules count how many of a kind came before. */
export class RuleWalk {
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

  /** The type that the recipe wants for the next tensor of the walk, whether or not its rows fit. */
  next(name: string, shape: readonly number[]): RuledType {
    return (this.#isQuantized() ? this.#rule(name, shape) : undefined) ?? this.#base()
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
    if (this.#mix.valueLike.includes(category)) return this.#valueRule(this.#place('attention-value', this.#values))
    const at = this.#place(category, this.#model.layers)
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

  /** Counts the tensor. */
  #place(category: TensorCategory, count: number): Position {
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
