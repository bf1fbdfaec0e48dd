import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A finished, synced file, and the name that it is to get. */
export interface Unnamed {
  readonly finished: string
  readonly name: string
}

/**
 * Gives a finished, synced file its name, replacing what has that name, and makes the name itself durable. Nothing
 * else in this program renames a file into place.
 */
export async function publish(finished: string, name: string): Promise<void> {
  await publishAll([{ finished, name }])
}

/**
 * {@link publish} for several files, one after the other, whose names become durable together: a power loss before this
 * returns may have left any of them without.
 */
export async function publishAll(files: readonly Unnamed[]): Promise<void> {
  for (const { finished, name } of files) await rename(finished, name)
  for (const directory of new Set(files.map(({ name }) => dirname(name)))) await syncDirectory(directory)
}

/** Makes renames in a directory durable. Windows can neither open a directory nor needs to: NTFS journals names. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
