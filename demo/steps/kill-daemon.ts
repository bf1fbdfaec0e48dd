import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { countBookmarks } from '../bookmarks.ts'
import { check } from '../check.ts'
import { canHold, hold } from '../hold.ts'
import { isWritten } from '../part-file.ts'
import { onlyJob, snapshot } from '../snapshot.ts'
import { type Demo, names } from '../workspace.ts'

export interface Killed {
  /** Slices that were durable when the process died. */
  readonly bookmarks: number
  /** Share of the work that they are, in per cent. */
  readonly percent: number
}

/** Kills the daemon when half of its output is written and some is bookmarked. */
export async function killDaemon(demo: Demo, pid: number): Promise<Killed> {
  const { folder, say } = demo
  say.heading('Half-way, the daemon is killed')
  const output = join(folder, names.result)
  const held = await untilHalfDone(demo, pid, output)
  if (held) say.remark('Half was done before the first bookmark was due (2 s): held with SIGSTOP.')
  say.command(process.platform === 'win32' ? `taskkill /F /PID ${pid}` : `kill -9 ${pid}`)
  await demo.background.kill(pid)
  check(existsSync(`${output}.part`), 'the daemon was killed before its work was done: the unfinished file is there')
  check(!existsSync(output), 'nothing unfinished has the name of the result')
  const bookmarks = countBookmarks(join(folder, names.state), output)
  check(bookmarks > 0 || !canHold, 'some of the work is bookmarked')
  await snapshot(demo, /No daemon runs/)
  const percent = Math.floor(100 * (await onlyJob(demo)).fraction)
  say.remark(`${bookmarks} slices are bookmarked, ${percent} %; the unfinished file stays.`)
  return { bookmarks, percent }
}

/** @returns whether the process was too fast for its first bookmark, and so had to be held. */
async function untilHalfDone({ folder, stop }: Demo, pid: number, output: string): Promise<boolean> {
  let held = false
  for (; !existsSync(output); await wait(10, undefined, { signal: stop })) {
    if (!(await isWritten(`${output}.part`, 0.5))) continue
    const bookmarked = countBookmarks(join(folder, names.state), output) > 0
    if (bookmarked || (!canHold && (await isWritten(`${output}.part`, 0.9)))) break
    if (canHold && !held) {
      await hold(pid, `${output}.part`)
      held = true
    }
  }
  return held
}
