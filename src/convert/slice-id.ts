/** Positions of a tensor in `Plan.tensors` and of a slice in that tensor. */
export interface SliceId {
  readonly tensor: number
  readonly slice: number
}

/** For sets and maps. */
export function sliceKey({ tensor, slice }: SliceId): string {
  return `${tensor}/${slice}`
}
