import { isGgmlType, rowBytes } from '../formats/ggml/block-types.ts'
import type { ModelInput } from '../formats/model-input.ts'
import type { TensorMapping } from '../model/description.ts'
import type { TensorSource } from './plan.ts'

/** A tensor as rows of its last dimension: quantized blocks never cross from one row into the next. */
export function asMatrix(shape: readonly number[]): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1
  return { columns, rows: shape.slice(0, -1).reduce((product, size) => product * size, 1) }
}

/** Finds the bytes of a tensor in the files of its model. */
export function tensorSource(tensor: TensorMapping, input: ModelInput): TensorSource {
  if (tensor.source.kind === 'values') return tensor.source
  const { columns } = asMatrix(tensor.shape)
  const entries = tensor.source.names.map((name) => {
    const entry = input.tensors.get(name)
    if (entry === undefined) throw new TypeError(`${tensor.name} wants ${name}, which the model does not have`)
    const { dtype } = entry
    if (!isGgmlType(dtype)) throw new TypeError(`${tensor.name} wants ${name}, which is ${dtype}`)
    return { ...entry, dtype }
  })
  const dtype = entries[0]?.dtype
  if (dtype === undefined || entries.some((entry) => entry.dtype !== dtype)) {
    throw new TypeError(`${tensor.name} mixes data types, which no family here does`)
  }
  return {
    kind: 'rows',
    names: tensor.source.names,
    dtype,
    ranges: entries.map((entry) => ({
      source: entry.shard,
      offset: entry.offset,
      rows: entry.byteLength / rowBytes(dtype, columns),
    })),
    transform: tensor.source.transform,
  }
}
