import type { RemotePlan } from '../daemon/coordinator/protocol.ts'
import type { Plan } from '../plan/plan.ts'

/** The plan as far as a worker is told of it: enough to make every slice, not to write the files. */
export function planOf({ fingerprint, sources, tensors }: RemotePlan): Plan {
  // A tensor in files of several recipes has the same everywhere.
  const rooms = new Map<string, Float32Array>()
  return {
    fingerprint,
    recipe: '',
    mix: 'latest',
    sources,
    files: [],
    tensors: tensors.map(({ importances, ...tensor }) => ({
      ...tensor,
      reason: '',
      fallback: undefined,
      importance: importances === null ? undefined : roomFor(rooms, tensor.name, importances),
    })),
  }
}

/** Filled in when the tensor's first slice is made. */
function roomFor(rooms: Map<string, Float32Array>, tensor: string, importances: number): Float32Array {
  const bytes = importances * Float32Array.BYTES_PER_ELEMENT
  const room = rooms.get(tensor) ?? new Float32Array(new SharedArrayBuffer(bytes))
  rooms.set(tensor, room)
  return room
}
