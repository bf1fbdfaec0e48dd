import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { check } from '../check.ts'
import { mibera } from '../mibera.ts'
import { snapshot } from '../snapshot.ts'
import { type Demo, names } from '../workspace.ts'

/** Seconds that the download must have been still. */
export const quietSeconds = 2

/** One thread, so that there is time to kill it. The bytes do not depend on the number. */
const words = ['daemon', 'start', '--watch', names.watched, '--type', 'Q3_K_M']
const startWords = [...words, '--quiet-time', `${quietSeconds}`, '--threads', '1']

/** Starts the daemon on an empty folder. @returns its process. */
export async function startDaemonFirst(demo: Demo): Promise<number> {
  demo.say.heading('Start the daemon once, on a folder in which there is nothing yet')
  await mkdir(join(demo.folder, names.watched))
  const pid = await startDaemon(demo)
  await snapshot(demo, /No conversions yet/)
  return pid
}

/** Starts the daemon, always with the same command line. @returns its process. */
export async function startDaemon(demo: Demo): Promise<number> {
  // To its end: of a daemon whose start was cut off, nobody would know that it runs.
  const lines = await mibera(demo, startWords, { toTheEnd: true })
  const pid = Number(/process (\d+)/.exec(lines.join('\n'))?.[1])
  check(Number.isSafeInteger(pid) && pid > 1, 'the daemon says its process id')
  demo.background.started(pid)
  demo.stop.throwIfAborted()
  return pid
}
