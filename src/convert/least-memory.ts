import { formatBytes } from '../base/byte-count.ts'
import { MiberaError } from '../base/errors.ts'

/** What Node 24 itself takes more than Node 20; those between them are reckoned like the later one. */
const laterNodeBytes = Number.parseInt(process.versions.node, 10) > 20 ? 20 * 1024 * 1024 : 0
/** Resident memory of the process without any worker thread: Node itself and a plan whose header is small. */
export const processBytes = 116 * 1024 * 1024 + laterNodeBytes
/** Resident memory of one thread besides its buffers: a V8 isolate with this program's modules. */
export const isolateBytes = 16 * 1024 * 1024

/**
 * Refuses, before there is a plan, a budget that no conversion fits into, however small its tensors are.
 * @param budget bytes of memory.
 * @throws MiberaError MEMORY_TOO_SMALL
 */
export function requireLeastMemory(budget: number): void {
  const least = processBytes + isolateBytes
  if (budget >= least) return
  throw new MiberaError(
    'MEMORY_TOO_SMALL',
    `--max-memory ${formatBytes(budget)} is too little for any conversion: one thread needs more than ${formatBytes(least)}`,
    { subject: '--max-memory', hint: 'Give 256M or more, which is enough for nearly all models.' },
  )
}
