import type { Kernels } from '../quant/kernels.ts'
import type { WorkAreas } from './block-maker.ts'
import type { BufferRoom } from './protocol.ts'

/** Memory of one worker thread. Addresses are byte offsets into WebAssembly memory. */
export interface ThreadBuffers {
  /** For rows as they are read: while those of one slice are computed, those of another come in. */
  readonly rows: readonly number[]
  /** For blocks: while those of one slice are made, those of another are written. */
  readonly blocks: readonly number[]
  readonly areas: WorkAreas
}

/** Where several slices are made of the same rows, the blocks of each begin at a multiple of this. */
export const blockAlignment = 16

const slotsPerThread = 2
const floatBytes = Float32Array.BYTES_PER_ELEMENT

export function reserveBuffers(kernels: Kernels, room: BufferRoom): ThreadBuffers {
  const reserve = (bytes: number) => Array.from({ length: slotsPerThread }, () => kernels.reserve(bytes))
  const rows = reserve(room.sourceBytes)
  const blocks = reserve(room.outputBytes)
  const widened = kernels.reserve(room.widenedWeights * floatBytes)
  const restored = kernels.reserve(room.columns * floatBytes)
  const importance = kernels.reserve(room.importanceColumns * floatBytes)
  return { rows, blocks, areas: { widened, restored, importance } }
}

/** Bytes that {@link reserveBuffers} takes, and those of the kernels' tables. */
export function bufferBytes(room: BufferRoom): number {
  return (
    slotsPerThread * (room.sourceBytes + room.outputBytes) +
    (room.widenedWeights + room.columns + room.importanceColumns) * floatBytes +
    room.tableBytes
  )
}
