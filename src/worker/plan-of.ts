import type { RemotePlan } from '../daemon/coordinator/protocol.ts'
import type { Plan } from '../plan/plan.ts'

/** The plan as far as a worker is told of it: enough to make every slice, not to write the files. */
export function planOf({ fingerprint, sources, tensors }: RemotePlan): Plan {
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
      importance: importances === null ? undefined : roomFor(importances),
    })),
  }
}

/** Filled in when the tensor's first slice is made. */
function roomFor(importances: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(importances * Float32Array.BYTES_PER_ELEMENT))
}
