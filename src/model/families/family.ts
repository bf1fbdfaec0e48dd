import type { GgufValue } from '../../formats/gguf/values.ts'
import type { Hyperparameters, ModelDescription, TensorMapping } from '../description.ts'
import type { Layout } from '../layout.ts'
import type { Measurements } from '../measure.ts'
import type { RopeScaling } from '../rope-scaling.ts'

/** Widths of the attention and feed-forward matrices, each with the tensor that shows it. */
export interface AttentionWidths {
  /** heads × head size */
  readonly query: { readonly value: number; readonly because: string }
  /** key-value heads × head size */
  readonly keyValue: { readonly value: number; readonly because: string }
  readonly feedForward: { readonly value: number; readonly because: string }
}

/** Everything that a family needs to say how a model is written. */
export interface UnderstoodModel {
  readonly hyperparameters: Hyperparameters
  /** Tokens of context that the model was trained for before its rotary embedding was stretched. */
  readonly originalContext: number
  readonly ropeScaling: RopeScaling
}

/**
 * A family of models that share one layout of tensors. Adding a family is adding one such file, and one line to
 * `registry.ts`.
 */
export interface Family {
  /** Name of its file, and what `--family` takes. */
  readonly name: string
  /** For a person, e.g. "Phi-3 and Phi-4 with fused qkv_proj and gate_up_proj". */
  readonly title: string
  readonly architecture: ModelDescription['architecture']
  /** Tensors of a layer that no other family here has together. */
  readonly recognisedBy: readonly string[]
  /** What a true config.json says. The first is what is reported as the truth. */
  readonly hubArchitectures: readonly [string, ...string[]]
  readonly hubModelTypes: readonly [string, ...string[]]
  /** Whether the tensors alone tell this family from all others in the world. */
  readonly unmistakable: boolean
  readonly layout: Layout
  /** @throws MiberaError TENSOR_SHAPE if the fused widths cannot be taken apart. */
  widths(measurements: Measurements): AttentionWidths
  /** Dimensions of a head that rotary embedding turns. */
  ropeDimensions(hidden: number, heads: number, headSize: number, partialRotary: number): number
  /**
   * That llama.cpp can run a model of these dimensions.
   * @throws MiberaError MODEL_UNSUPPORTED
   */
  check(model: UnderstoodModel): void
  /** Tensors whose values come from the configuration, not from a shard. */
  extraTensors(model: UnderstoodModel): readonly TensorMapping[]
  /** How the rows of a layer's tensor are found, by its GGUF name after "blk.N.". */
  permutedHeads(gguf: string, hyperparameters: Hyperparameters): number | undefined
  /** The keys of the architecture, in the order in which llama.cpp's converter writes them. */
  metadata(model: UnderstoodModel): readonly (readonly [string, GgufValue])[]
}
