import { open } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { usualBatch } from '#dist/convert/checkpoints.js'

/** Whether a process can be stopped and let go on: everywhere but on Windows. */
export const canHold = process.platform !== 'win32'

/** Longer than the time between two bookmarks. */
const holdMilliseconds = usualBatch.milliseconds + 50

/**
 * Stops the process for as long as a batch of bookmarks takes to fall due: the next slice then brings them. Syncs
 * `part` meanwhile, so that on a slow disk the process's own sync does not outlast the rest of its work.
 */
export async function hold(pid: number, part: string): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  try {
    await Promise.all([sync(part), wait(holdMilliseconds)])
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
