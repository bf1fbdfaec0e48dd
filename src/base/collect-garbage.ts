import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A heap of this size is not worth the milliseconds: a model with a small vocabulary leaves less behind. */
const worthwhileBytes = 48 * 2 ** 20

/**
 * Gives memory back that the objects of a finished phase took. V8 by itself lets garbage lie until its heap has grown
 * by half again, whatever this process was told to live with; a vocabulary of 100 k tokens leaves 40 MB of it.
 */
export function collectGarbage(): void {
  if (getHeapStatistics().total_heap_size < worthwhileBytes) return
  // Only contexts made after this have the function, and no others get to see it.
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  if (typeof collect === 'function') collect()
}
