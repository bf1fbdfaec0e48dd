/** A tensor of the output, by its GGUF name; `shape` is outermost first. */
export interface TensorToType {
  readonly name: string
  readonly shape: readonly number[]
}

/** What the rules about types ask of the model beside its tensors. */
export interface ModelShape {
  readonly architecture: 'phi3' | 'llama'
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
}
