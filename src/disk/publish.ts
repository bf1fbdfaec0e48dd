import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Gives a finished, synced file its name, replacing what has that name, and makes the name itself durable. Nothing
 * else in this program renames a file into place.
 */
export async function publish(finished: string, name: string): Promise<void> {
  await rename(finished, name)
  await syncDirectory(dirname(name))
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
