import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'

/** Bytes that this machine could still give to programs; `undefined` when that cannot be told. */
export type ReadAvailableMemory = () => number | undefined

/**
 * What the system says. On Linux that is MemAvailable, or what the container has left if that is less; on Windows the
 * available physical memory. macOS counts neither its caches nor what it could compress as available, so its figure
 * would starve every conversion for nothing: there it is not judged.
 */
export const systemAvailableMemory: ReadAvailableMemory = () => {
  if (process.platform === 'darwin') return undefined
  // Since Node 20.13 and 22.
  return typeof process.availableMemory === 'function' ? process.availableMemory() : freemem()
}

/** Reads the number of bytes that a file holds. A file that is missing or holds something else tells nothing. */
export function availableMemoryFrom(file: string): ReadAvailableMemory {
  return () => {
    try {
      const bytes = Number(readFileSync(file, 'utf8').trim())
      return Number.isFinite(bytes) ? bytes : undefined
    } catch {
      return undefined
    }
  }
}
