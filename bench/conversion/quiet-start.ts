import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Before something is timed: what others left is written to disk, and the weights lie in the system's cache. A system
 * whose memory is shared with others lets go of them while another program runs.
 * @param model a folder of safetensors, or a GGUF.
 */
export async function startQuietly(model: string): Promise<void> {
  if (process.platform !== 'win32') await once(spawn('sync'), 'exit')
  await readThrough(await weightFiles(model))
}

/** Reads files from their beginning to their end. */
export async function readThrough(paths: readonly string[]): Promise<void> {
  const buffer = new Uint8Array(4 * 2 ** 20)
  for (const path of paths) {
    const file = await open(path)
    while ((await file.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    await file.close()
  }
}

async function weightFiles(model: string): Promise<string[]> {
  if (!(await stat(model)).isDirectory()) return [model]
  const names = await readdir(model)
  return names.filter((name) => name.endsWith('.safetensors')).map((name) => join(model, name))
}
