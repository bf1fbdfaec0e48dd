import type { Plan, PlannedTensor } from './plan.ts'

/**
 * Tensors that are made of the same rows: the same tensor in files of several recipes. Their slices cover the same rows,
 * so that the rows of a slice are read once for all of them.
 */
export class Twins {
  readonly #groups: readonly (readonly number[])[]

  constructor({ tensors }: Pick<Plan, 'tensors'>) {
    const bySource = new Map<string, number[]>()
    this.#groups = tensors.map((tensor, index) => {
      const key = sourceKey(tensor) ?? `${index}`
      const group = bySource.get(key) ?? []
      bySource.set(key, group)
      group.push(index)
      return group
    })
  }

  /** Positions of a tensor and its twins, in the order of the plan; none for a tensor that the plan does not have. */
  of(tensor: number): readonly number[] {
    return this.#groups[tensor] ?? []
  }
}

/** The same for tensors of the same rows; `undefined` for what is not read. */
function sourceKey({ source, rows, columns }: PlannedTensor): string | undefined {
  if (source.kind !== 'rows') return undefined
  return JSON.stringify([rows, columns, source.dtype, source.ranges, source.transform])
}
