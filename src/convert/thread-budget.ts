import { formatBytes } from '../base/byte-count.ts'
import { alignUp } from '../base/checked.ts'
import { MiberaError } from '../base/errors.ts'
import { rowBytes } from '../formats/ggml/block-types.ts'
import type { Plan } from '../plan/plan.ts'
import { sliceOf } from '../plan/slices.ts'
import { Twins } from '../plan/twins.ts'
import { typeKernels } from '../quant/kernel-table.ts'
import { rowsPerBand } from './block-maker.ts'
import { needsWidening } from './copied-tensors.ts'
import { isolateBytes, processBytes } from './least-memory.ts'
import type { BufferRoom } from './protocol.ts'
import { blockAlignment, bufferBytes } from './slice-buffers.ts'

/**
 * Nearly all of a header is the vocabulary, which is read as JSON, looked up both ways round, run once to recognise it,
 * and encoded: so many times its bytes the process grows by while it plans. Measured by bench/memory.
 */
const vocabularyCopies = 16
/** A further header and what was left behind while it was written, which the garbage collector leaves lying for a while. */
const headerCopies = 4

/** The buffers that hold any slice of `plan`, and the tables of its types. */
export function bufferRoom(plan: Plan): BufferRoom {
  const room = {
    ...{ sourceBytes: 0, outputBytes: 0, widenedWeights: 0, columns: 0, importanceColumns: 0 },
    ...{ tableBytes: 0, sharedBytes: 0 },
  }
  const twins = new Twins(plan)
  for (const [index, tensor] of plan.tensors.entries()) {
    // The first slice of a tensor is never smaller than the others.
    const { rows } = sliceOf(tensor, 0)
    const dtype = tensor.source.kind === 'rows' ? tensor.source.dtype : 'F32'
    room.sourceBytes = Math.max(room.sourceBytes, rows * rowBytes(dtype, tensor.columns))
    const outputs = twins.of(index).flatMap((twin) => plan.tensors[twin] ?? [])
    const outputBytes = outputs.reduce((sum, twin) => sum + alignUp(sliceOf(twin, 0).byteLength, blockAlignment), 0)
    room.outputBytes = Math.max(room.outputBytes, outputBytes)
    if (needsWidening(dtype, tensor.type)) {
      room.widenedWeights = Math.max(room.widenedWeights, rowsPerBand(tensor.columns) * tensor.columns)
    }
    room.columns = Math.max(room.columns, tensor.columns)
    if (tensor.importance !== undefined) room.importanceColumns = Math.max(room.importanceColumns, tensor.columns)
  }
  // Files of several recipes share them.
  for (const importance of new Set(plan.tensors.map((tensor) => tensor.importance))) {
    room.sharedBytes += importance?.byteLength ?? 0
  }
  // It stands in the header of each recipe's first file.
  for (const [index, { header }] of plan.files.entries()) {
    room.sharedBytes += (index === 0 ? vocabularyCopies : headerCopies) * header.length
  }
  for (const type of new Set(plan.tensors.map((tensor) => tensor.type))) {
    room.tableBytes += typeKernels[type]?.tableBytes ?? 0
  }
  return room
}

/**
 * How many threads fit into `budget` bytes of memory, at most `wanted`.
 * @param besides bytes that each thread needs for something else.
 * @throws MiberaError MEMORY_TOO_SMALL when not even one does.
 */
export function threadsWithin(budget: number, wanted: number, room: BufferRoom, besides = 0): number {
  const shared = processBytes + room.sharedBytes
  const perThread = isolateBytes + bufferBytes(room) + besides
  const threads = Math.min(wanted, Math.floor((budget - shared) / perThread))
  if (threads >= 1) return threads
  throw new MiberaError(
    'MEMORY_TOO_SMALL',
    `one thread needs ${formatBytes(shared + perThread)} of memory, the budget is ${formatBytes(budget)}`,
    { hint: `Raise --max-memory to at least ${Math.ceil((shared + perThread) / 2 ** 20)}M.` },
  )
}
