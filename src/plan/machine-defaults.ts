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

/** Bytes of memory of this machine, or of the container if that has fewer. */
export function machineMemory(): number {
  const limit = process.constrainedMemory()
  // Without a limit the kernel reports 0 or a number beyond all memory.
  return limit !== undefined && limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
