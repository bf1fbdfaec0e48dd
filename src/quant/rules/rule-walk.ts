import { MiberaError } from '../../base/errors.ts'
import { blockTypes } from '../../formats/ggml/block-types.ts'
import type { Mix } from '../mixes/mix.ts'
import type { ModelShape, TensorToType } from '../model-to-type.ts'
import type { Recipe } from '../recipes.ts'
import { type TensorCategory, tensorCategory } from '../tensor-category.ts'
import {
  attentionKeyType,
  attentionOutputType,
  attentionQueryType,
  attentionValueType,
  fusedAttentionType,
} from './attention.ts'
import { embeddingType, outputType } from './embedding.ts'
import { expertsType } from './experts.ts'
import { feedForwardDownType, feedForwardGateOrUpType } from './feed-forward.ts'
import { isLowBit } from './low-bit.ts'
import type { Position, RuledModel, RuledType } from './ruled-type.ts'

/** One walk over the tensors of a model: some rules count how many of a kind came before. */
export class RuleWalk {
  readonly #model: ModelShape
  readonly #ruled: RuledModel
  readonly #recipe: Recipe
  readonly #mix: Mix
  readonly #values: number
  /** How many tensors of a category came before. */
  readonly #seen = new Map<TensorCategory, number>()

  /** Whether the embedding is the output projection, too. */
  readonly tied: boolean

  /** @param guided whether there is an importance matrix */
  constructor(tensors: readonly TensorToType[], model: ModelShape, recipe: Recipe, mix: Mix, guided: boolean) {
    this.#model = model
    this.#recipe = recipe
    this.#mix = mix
    this.tied = !tensors.some(({ name }) => tensorCategory(name) === 'output')
    this.#values = tensors.filter(({ name }) => mix.countedAsValues.includes(tensorCategory(name))).length
    this.#ruled = ruledModel(model, mix, guided)
  }

  /** The type that the recipe wants for the next tensor of the walk, whether or not its rows fit. */
  next(name: string, shape: readonly number[]): RuledType {
    return (this.isQuantized ? this.#rule(name, shape) : undefined) ?? this.base
  }

  /** Whether the recipe's base type is a quantized one; otherwise there are no rules. */
  get isQuantized(): boolean {
    return blockTypes[this.#recipe.baseType].blockWeights > 1
  }

  get base(): RuledType {
    return { type: this.#recipe.baseType, reason: `${this.#recipe.name} base type` }
  }

  #rule(name: string, shape: readonly number[]): RuledType | undefined {
    const category = tensorCategory(name)
    const recipe = this.#recipe.name
    if (category === 'output') return this.#outputRule(shape, 'output projection')
    if (category === 'token-embedding' && this.tied) {
      return this.#outputRule(shape, 'embedding, also the output projection')
    }
    if (recipe === 'MXFP4_MOE') return expertsType(shape, category, this.#model.architecture)
    if (this.#mix.valueLike.includes(category)) {
      return attentionValueType(this.#recipe, this.#count('attention-value', this.#values))
    }
    switch (category) {
      case 'token-embedding':
        return embeddingType(this.#recipe, this.#place(category))
      case 'attention-qkv':
        return fusedAttentionType(recipe, this.#place(category))
      case 'attention-query':
        return attentionQueryType(recipe, this.#place(category))
      case 'attention-key':
        return attentionKeyType(recipe, this.#place(category))
      case 'attention-output':
        return attentionOutputType(recipe, this.#place(category))
      case 'feed-forward-gate':
      case 'feed-forward-up':
        return feedForwardGateOrUpType(recipe, this.#layerPlace(category, name))
      case 'feed-forward-down':
        return feedForwardDownType(recipe, this.#layerPlace(category, name))
      default:
        return undefined
    }
  }

  #place(category: TensorCategory): Position {
    return this.#count(category, this.#model.layers)
  }

  /** Matrices of experts may be several to a layer: there the name tells which layer it is. */
  #layerPlace(category: TensorCategory, name: string): Position {
    const place = this.#place(category)
    if (this.#model.experts <= 1 || isLowBit(this.#recipe.name)) return place
    const index = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
    if (index >= 0 && index < this.#model.layers) return { ...place, index }
    throw new MiberaError('TYPE_UNSUPPORTED', `${name} is in none of the ${this.#model.layers} layers`, {
      subject: name,
      hint: 'The recipes of llama.cpp need its layer number; --pure does not.',
    })
  }

  #count(category: TensorCategory, count: number): Position {
    const index = this.#seen.get(category) ?? 0
    this.#seen.set(category, index + 1)
    return { index, count, model: this.#ruled }
  }

  #outputRule(shape: readonly number[], reason: string): RuledType {
    return { type: outputType(this.#recipe, shape.at(-1) ?? 1, this.#ruled), reason }
  }
}

function ruledModel(
  { architecture, layers, heads, kvHeads, experts }: ModelShape,
  mix: Mix,
  guided: boolean,
): RuledModel {
  const is70B = mix.layersOf70B[architecture] === layers
  return {
    queriesPerValue: kvHeads === 0 ? 0 : Math.floor(heads / kvHeads),
    experts,
    falcon: architecture === 'falcon',
    // Of the llamas, one whose heads share no values is the older 65B, and one of 8 experts is none of the sizes.
    is70B: is70B && (architecture !== 'llama' || (heads !== kvHeads && experts !== 8)),
    guided,
  }
}
