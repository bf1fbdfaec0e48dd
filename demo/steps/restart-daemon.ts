import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { JobDetails } from '#dist/daemon/protocol.js'
import { check } from '../check.ts'
import { sha256 } from '../digest.ts'
import { mibera, miberaJson } from '../mibera.ts'
import { onlyJob, snapshot } from '../snapshot.ts'
import { type Demo, names } from '../workspace.ts'
import type { Killed } from './kill-daemon.ts'
import { startDaemon } from './start-daemon.ts'

/** Starts the daemon again and lets it come to its end. @param whole SHA-256 of the conversion without a break. */
export async function restartDaemon(demo: Demo, { bookmarks }: Killed, whole: string): Promise<void> {
  const { folder, say } = demo
  say.heading('The same command starts it again: it goes on by itself, to the same bytes')
  const pid = await startDaemon(demo)
  // Where the rest takes no time, its end is what is seen.
  await snapshot(demo, / running\n.*\n +converting, | verifying\n| done\n/)
  await snapshot(demo, / done\n +.*read back and verified/)
  const { id } = await onlyJob(demo)
  await mibera(demo, ['jobs', 'show', `${id}`])
  const kept = await lastKept(demo, id)
  check(kept === bookmarks, `every bookmarked slice is kept (${kept} of ${bookmarks} are)`)

  const output = join(folder, names.result)
  check(!existsSync(`${output}.part`), 'no unfinished file is left')
  const digest = await sha256(output)
  check(digest === whole, `SHA-256 ${digest} is that of the conversion without a break, ${whole}`)
  say.remark(`All ${kept} slices were kept. SHA-256 ${digest.slice(0, 32)}…: the same.`)
  await mibera(demo, ['daemon', 'stop'])
  await demo.background.ended(pid)
}

/** Slices that the last run of a job found to be made already. */
async function lastKept(demo: Demo, id: number): Promise<unknown> {
  const { events } = await miberaJson<JobDetails>(demo, ['jobs', 'show', `${id}`])
  const begun = events.filter(({ kind }) => kind === 'begun').toSorted((a, b) => a.id - b.id)
  return begun.at(-1)?.detail.keptSlices
}
