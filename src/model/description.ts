import type { GgmlType } from '../formats/ggml/block-types.ts'
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
  /** The type of a tensor that no recipe quantizes: F32 unless its source says otherwise. */
  readonly keptAs?: GgmlType
}

/** Where a tensor's values come from. */
export type TensorOrigin =
  /** Rows of one or more tensors of the source, one after another. */
  | { readonly kind: 'tensors'; readonly names: readonly string[]; readonly transform: RowTransform }
  /** Values known from the configuration, e.g. rope factors; always stored as F32. */
  | { readonly kind: 'values'; readonly values: readonly number[] }

/** The figures of a model that decide types of tensors and the memory to run it; 0 for what is not known. */
export interface Dimensions {
  readonly layers: number
  /** Of the first layer, where they differ. */
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  readonly experts: number
}

/** What a model is, as far as a plan has to know. */
export interface ModelDescription {
  readonly from: 'safetensors' | 'gguf'
  /** File name of the family module, e.g. "phi-fused", where one was asked. */
  readonly family: string | undefined
  /** Name of the very model, e.g. "Phi-4", if it is known. */
  readonly knownAs: string | undefined
  /** llama.cpp's architecture. */
  readonly architecture: string
  readonly parameters: number
  readonly dimensions: Dimensions
  readonly contradictions: readonly Contradiction[]
  /** In the order of the family's layout; of a GGUF, in its own. */
  readonly tensors: readonly TensorMapping[]
  /**
   * All keys but those that depend on the recipe (`general.file_type`, `general.quantization_version`), in the order
   * in which they are written.
   */
  readonly metadata: GgufMetadata
}

/** What a folder of safetensors was found to be. */
export interface FolderDescription extends ModelDescription {
  readonly from: 'safetensors'
  readonly family: string
  /** The evidence for `knownAs`, for a person. */
  readonly recognisedBy: string | undefined
  readonly hyperparameters: Hyperparameters
}
