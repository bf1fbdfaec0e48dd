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
    tensors: tensors.map((tensor) => ({ ...tensor, reason: '', fallback: undefined })),
  }
}
