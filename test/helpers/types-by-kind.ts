import type { TensorToType } from '#dist/quant/model-to-type.js'

/** Types of the tensors of one kind, in the order of their layers: "Q5_K 2, Q4_K 22". */
export type TypesByKind = Readonly<Record<string, string>>

/** Short form of `types`, one for each of `tensors`, to keep in a golden file and to compare. */
export function typesByKind(tensors: readonly TensorToType[], types: readonly (string | undefined)[]): TypesByKind {
  const kinds = new Map<string, { layer: number; type: string | undefined }[]>()
  for (const [i, { name }] of tensors.entries()) {
    const kind = name.replace(/^blk\.\d+\./, 'blk.*.')
    const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
    kinds.set(kind, [...(kinds.get(kind) ?? []), { layer, type: types[i] }])
  }
  return Object.fromEntries(
    [...kinds].map(([kind, members]) => [
      kind,
      runs(members.sort((a, b) => a.layer - b.layer).map(({ type }) => type)),
    ]),
  )
}

function runs(types: readonly (string | undefined)[]): string {
  const found: { type: string | undefined; count: number }[] = []
  for (const type of types) {
    const last = found.at(-1)
    if (last?.type === type && last !== undefined) last.count++
    else found.push({ type, count: 1 })
  }
  return found.map(({ type, count }) => `${type} ${count}`).join(', ')
}
