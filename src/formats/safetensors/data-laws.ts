import { checkedProduct } from '../../base/checked.ts'
import { quote } from '../../base/quote.ts'
import { bytesPerElement, type Dtype, isDtype } from './dtype.ts'
import type { DeclaredTensor } from './header-syntax.ts'
import { type ShardAtFault, shardError } from './shard-errors.ts'
import type { TensorEntry } from './tensor-entry.ts'

/** A tensor of one shard, all laws checked. */
export type ShardTensor = Omit<TensorEntry, 'shard'>

/**
 * Checks every law about the figures of a header: each tensor's bytes are shape × data type, the tensors follow one
 * another from 0 without hole or overlap, and together they are all that follows the header. Keeps the header's order.
 *
 * @param dataStart position of the first data byte in the file; at most `fileSize`
 * @throws MiberaError SHARD_MALFORMED, DTYPE_UNSUPPORTED, SHARD_TRUNCATED or SHARD_TOO_LONG.
 */
export function checkDataLaws(
  declared: readonly DeclaredTensor[],
  dataStart: number,
  fileSize: number,
  shard: ShardAtFault,
): ShardTensor[] {
  const tensors = declared.map((tensor) => checkTensor(tensor, dataStart, shard))
  checkFileSize(dataStart + checkContiguity(declared, shard), fileSize, shard)
  return tensors
}

function checkTensor(tensor: DeclaredTensor, dataStart: number, shard: ShardAtFault): ShardTensor {
  const { name, shape, begin, end } = tensor
  const dtype = knownDtype(tensor, shard)
  if (end < begin) {
    throw malformed(shard, tensor, `has data_offsets [${begin}, ${end}], which end before they begin`)
  }
  const byteLength = checkedProduct([...shape, bytesPerElement(dtype)])
  if (byteLength === undefined) {
    throw malformed(shard, tensor, `has the shape [${shape.join(', ')}], which is 2^53 bytes or more`)
  }
  if (byteLength !== end - begin) {
    const needs = `is ${dtype} [${shape.join(', ')}] and needs ${byteLength} bytes`
    throw malformed(shard, tensor, `${needs}, but its data_offsets [${begin}, ${end}] hold ${end - begin}`)
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength }
}

function knownDtype(tensor: DeclaredTensor, shard: ShardAtFault): Dtype {
  if (isDtype(tensor.dtype)) return tensor.dtype
  const what = `has tensor ${quote(tensor.name)} of the unknown data type ${quote(tensor.dtype)}`
  throw shardError('DTYPE_UNSUPPORTED', shard, what)
}

/** Returns the length of the data. */
function checkContiguity(declared: readonly DeclaredTensor[], shard: ShardAtFault): number {
  const inFileOrder = declared.toSorted((a, b) => a.begin - b.begin || a.end - b.end)
  let reached = 0
  let previous: DeclaredTensor | undefined
  for (const tensor of inFileOrder) {
    if (tensor.begin !== reached) throw notContiguous(shard, tensor, previous, reached)
    reached = tensor.end
    previous = tensor
  }
  return reached
}

function notContiguous(shard: ShardAtFault, tensor: DeclaredTensor, previous: DeclaredTensor | undefined, end: number) {
  if (previous === undefined) {
    return malformed(shard, tensor, `is the first, but begins at data byte ${tensor.begin} instead of 0`)
  }
  const trouble = tensor.begin < end ? 'overlaps' : 'leaves a hole behind'
  const figures = `begins at data byte ${tensor.begin}, that one ends at ${end}`
  return malformed(shard, tensor, `${trouble} ${quote(previous.name)}: it ${figures}`)
}

function checkFileSize(promised: number, actual: number, shard: ShardAtFault): void {
  if (promised > actual) {
    throw shardError('SHARD_TRUNCATED', shard, `is cut short: ${promised} bytes by its header, ${actual} on disk`)
  }
  if (promised < actual) {
    throw shardError('SHARD_TOO_LONG', shard, `is too long: ${promised} bytes by its header, ${actual} on disk`)
  }
}

function malformed(shard: ShardAtFault, tensor: DeclaredTensor, what: string) {
  return shardError('SHARD_MALFORMED', shard, `is malformed: tensor ${quote(tensor.name)} ${what}`)
}
