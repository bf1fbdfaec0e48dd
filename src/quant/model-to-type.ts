import type { GgmlType } from '../formats/ggml/block-types.ts'

/** A tensor of the output, by its GGUF name; `shape` is outermost first. */
export interface TensorToType {
  readonly name: string
  readonly shape: readonly number[]
  /** The type it has where it is not quantized; F32 where nothing is said. */
  readonly keptAs?: GgmlType
}

/** What the rules about types ask of the model beside its tensors. */
export interface ModelShape {
  /** llama.cpp's name of the architecture. */
  readonly architecture: string
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  /** Experts of each layer; 0 for a dense model. */
  readonly experts: number
}
