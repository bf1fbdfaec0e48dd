import type { Kernels } from '../quant/kernels.ts'
import type { BufferRoom } from './protocol.ts'

/** Where one slice lives in WebAssembly memory while it is read and written. Addresses are byte offsets. */
export interface SliceBuffers {
  readonly source: number
  readonly blocks: number
}

/** Memory of one worker thread: two slices in flight, and work areas for the one that is being computed. */
export interface ThreadBuffers {
  readonly slots: readonly SliceBuffers[]
  /** The slice's weights as F32, where the source is narrower. */
  readonly widened: number
  /** One row restored from its blocks, to measure the error. */
  readonly restored: number
}

/** Where several slices are made of the same rows, the blocks of each begin at a multiple of this. */
export const blockAlignment = 16

const slotsPerThread = 2
const floatBytes = Float32Array.BYTES_PER_ELEMENT

export function reserveBuffers(kernels: Kernels, room: BufferRoom): ThreadBuffers {
  const slots = Array.from({ length: slotsPerThread }, () => ({
    source: kernels.reserve(room.sourceBytes),
    blocks: kernels.reserve(room.outputBytes),
  }))
  const widened = kernels.reserve(room.widenedWeights * floatBytes)
  return { slots, widened, restored: kernels.reserve(room.columns * floatBytes) }
}

/** Bytes that {@link reserveBuffers} takes, and those of the kernels' tables. */
export function bufferBytes(room: BufferRoom): number {
  return (
    slotsPerThread * (room.sourceBytes + room.outputBytes) +
    (room.widenedWeights + room.columns) * floatBytes +
    room.tableBytes
  )
}
