import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { check } from '../check.ts'
import { sha256 } from '../digest.ts'
import { mibera } from '../mibera.ts'
import { withoutLies } from '../without-lies.ts'
import { type Demo, names } from '../workspace.ts'
import { type Killed, killedWords } from './kill.ts'

/** Runs the killed command line again. @returns per cent of the work that did not have to be done again. */
export async function resume(demo: Demo, { bookmarks }: Killed, whole: string): Promise<number> {
  demo.say.heading('The same command line again goes on from there, to the same bytes')
  const { lines } = await mibera(demo, killedWords, { shorten: withoutLies })
  const percent = Number(lines.map((line) => /^Resuming at (\d+) %/.exec(line)?.[1]).find(Boolean) ?? 0)
  if (bookmarks > 0) check(percent > 0 && percent < 100, `it goes on in the middle (at ${percent} %)`)
  else demo.say.remark('This machine had nothing bookmarked yet (that takes 2 s): it began anew.')

  const path = join(demo.folder, names.resumed)
  check(!existsSync(`${path}.part`), 'no unfinished file is left')
  const digest = await sha256(path)
  check(digest === whole, `SHA-256 ${digest} is that of the conversion without a break, ${whole}`)
  demo.say.remark(`SHA-256 ${digest.slice(0, 32)}…: the same as without a break.`)
  return percent
}
