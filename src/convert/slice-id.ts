/** Positions of a tensor in `Plan.tensors` and of a slice in that tensor. */
export interface SliceId {
  readonly tensor: number
  readonly slice: number
}
