import { open } from 'node:fs/promises'
import { publish } from './publish.ts'

/** Writes a small file so that under its name there is always all of the old or all of the new content. */
export async function writeDurableFile(path: string, content: string): Promise<void> {
  const unfinished = `${path}.part`
  const handle = await open(unfinished, 'w')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await publish(unfinished, path)
}
