import { availableParallelism, totalmem } from 'node:os'

const oneGibibyte = 2 ** 30

/** Threads used unless told otherwise: what the system lets this process use. */
export function defaultThreads(): number {
  return availableParallelism()
}

/** Memory used unless told otherwise: a quarter of what the machine or container offers, at most 1 GiB. */
export function defaultMemory(): number {
  return Math.min(oneGibibyte, Math.floor(machineMemory() / 4))
}

/** Available memory (bytes) below which threads are given up: a twelfth of the machine's, 192 MiB to 1 GiB. */
export function defaultMemoryFloor(): number {
  return Math.floor(Math.min(oneGibibyte, Math.max(192 * 2 ** 20, machineMemory() / 12)))
}

/** Bytes of memory of this machine, or of the container if that has fewer. */
export function machineMemory(): number {
  const limit = process.constrainedMemory()
  // Without a limit the kernel reports 0 or a number beyond all memory.
  return limit !== undefined && limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
