import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { countBookmarks } from '../bookmarks.ts'
import { check } from '../check.ts'
import { canHold, hold } from '../hold.ts'
import { run } from '../mibera.ts'
import { withoutLies } from '../without-lies.ts'
import { type Demo, names } from '../workspace.ts'
import { convertWords } from './convert.ts'

/** One thread, so that there is time to kill it. The bytes do not depend on the number. */
export const killedWords = [...convertWords(names.resumed), '--threads', '1']

export interface Killed {
  /** Slices that were durable when the process died. */
  readonly bookmarks: number
}

/** Converts again, into another file, and kills the process when half of that is written and some is bookmarked. */
export async function killHalfWay(demo: Demo): Promise<Killed> {
  const { folder, say } = demo
  say.heading('Convert again, and kill the process half-way with SIGKILL')
  const output = join(folder, names.resumed)
  const state = join(folder, names.state)
  let held = false
  const { signal } = await run(demo, killedWords, {
    shorten: withoutLies,
    meanwhile: async (child) => {
      held = await killWhenHalfDone(child, output, state)
    },
  })
  check(signal === 'SIGKILL', `the conversion was killed before its end (it ended with ${signal ?? 'a status'})`)
  check(existsSync(`${output}.part`), 'the unfinished file is there')
  check(!existsSync(output), 'nothing unfinished has the name of the result')
  const bookmarks = countBookmarks(state, output)
  check(bookmarks > 0 || !canHold, 'some of the work is bookmarked')
  if (held) {
    say.remark('Half was done before the first bookmark was due (2 s): held with SIGSTOP.')
  }
  say.remark(`Killed. ${bookmarks} slices are bookmarked; ${names.resumed}.part stays.`)
  return { bookmarks }
}

/** @returns whether the process was too fast for its first bookmark, and so had to be held. */
async function killWhenHalfDone(child: ChildProcess, output: string, state: string): Promise<boolean> {
  let held = false
  while (child.exitCode === null && child.signalCode === null) {
    if (await middleIsWritten(`${output}.part`)) {
      const bookmarked = countBookmarks(state, output) > 0
      if (bookmarked || (!canHold && (await isWritten(`${output}.part`, 0.9)))) {
        child.kill('SIGKILL')
      } else if (canHold && !held) {
        await hold(child, `${output}.part`)
        held = true
      }
    }
    await wait(10)
  }
  return held
}

const middleIsWritten = (path: string) => isWritten(path, 0.5)

/** Whether the file has data around `fraction` of its length: what is reserved but not written reads as zeros. */
async function isWritten(path: string, fraction: number): Promise<boolean> {
  if (!existsSync(path)) return false
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, Math.floor(size * fraction))
    return buffer.subarray(0, bytesRead).some((byte) => byte !== 0)
  } finally {
    await file.close()
  }
}
