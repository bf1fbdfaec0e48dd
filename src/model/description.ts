import type { GgufMetadata } from '../formats/gguf/values.ts'

/** Where a fact about the model comes from, strongest first. */
export type Origin =
  /** The person said so: `--family`, `--override`. */
  | 'override'
  /** Names and shapes in the safetensors headers. */
  | 'tensors'
  | 'tokenizer'
  /** What is known of the family or of the very model recognised. */
  | 'family'
  /** `config.json` and its companions, where nothing contradicts them. */
  | 'config'

/** A value and how it is known. */
export interface Fact<T> {
  readonly value: T
  readonly origin: Origin
  /** One line for a person: "7680 rows of qkv_proj", "known of Phi-4". */
  readonly because: string
}

/** Something a file claims that stronger evidence disproves. */
export interface Contradiction {
  /** File and field, e.g. "config.json num_hidden_layers". */
  readonly where: string
  readonly claimed: string
  readonly actual: string
  /** The evidence, e.g. "the tensors have layers 0 to 39". */
  readonly because: string
}

/** The dimensions and constants of a decoder-only transformer. All sizes count elements. */
export interface Hyperparameters {
  readonly layers: Fact<number>
  readonly hidden: Fact<number>
  readonly feedForward: Fact<number>
  /** Rows of the embedding, padding included. */
  readonly vocabulary: Fact<number>
  readonly heads: Fact<number>
  readonly kvHeads: Fact<number>
  readonly headSize: Fact<number>
  /** Dimensions of each head that rotary embedding turns. */
  readonly ropeDimensions: Fact<number>
  readonly ropeTheta: Fact<number>
  readonly rmsEpsilon: Fact<number>
  readonly contextLength: Fact<number>
  /** Tokens each position sees; `undefined` when attention is full. */
  readonly slidingWindow: Fact<number | undefined>
  /** Whether the output projection is the embedding itself (no `lm_head`). */
  readonly tiedEmbeddings: Fact<boolean>
}

/** How the rows of a GGUF tensor are found in the source tensor. */
export type RowTransform =
  /** Output row r is source row r. */
  | { readonly kind: 'none' }
  /**
   * The row order llama.cpp's rotary embedding wants for q and k. Within each of `heads` groups of rows, output row
   * 2i + j is source row j · (rows in the group / 2) + i, for j in {0, 1}.
   */
  | { readonly kind: 'rope-interleave'; readonly heads: number }

/** One tensor of the output, before its type is chosen. */
export interface TensorMapping {
  /** GGUF name, e.g. "blk.0.attn_qkv.weight". */
  readonly name: string
  /** [rows, columns] or [columns]; outermost first. */
  readonly shape: readonly number[]
  readonly source: TensorOrigin
}

/** Where a tensor's values come from. */
export type TensorOrigin =
  /** Rows of one or more safetensors tensors, one after another. */
  | { readonly kind: 'tensors'; readonly names: readonly string[]; readonly transform: RowTransform }
  /** Values known from the configuration, e.g. rope factors; always stored as F32. */
  | { readonly kind: 'values'; readonly values: readonly number[] }

export interface ModelDescription {
  /** File name of the family module, e.g. "phi-fused". */
  readonly family: string
  /** Name of the very model recognised, e.g. "Phi-4", if one was. */
  readonly knownAs: string | undefined
  /** The evidence for that, for a person. */
  readonly recognisedBy: string | undefined
  /** llama.cpp's architecture. */
  readonly architecture: 'phi3' | 'llama'
  readonly parameters: number
  readonly hyperparameters: Hyperparameters
  readonly contradictions: readonly Contradiction[]
  /** In the order in which they are written. */
  readonly tensors: readonly TensorMapping[]
  /**
   * All keys but those that depend on the recipe (`general.file_type`, `general.quantization_version`), in the order
   * in which they are written.
   */
  readonly metadata: GgufMetadata
}
