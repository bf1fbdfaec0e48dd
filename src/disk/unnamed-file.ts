import { open } from 'node:fs/promises'
import type { Unnamed } from './publish.ts'

/**
 * Writes a small file and syncs it, to be published: so that under its name there is always all of the old or all of the
 * new content.
 */
export async function writeUnnamed(name: string, content: string): Promise<Unnamed> {
  const finished = `${name}.part`
  const handle = await open(finished, 'w')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { finished, name }
}
