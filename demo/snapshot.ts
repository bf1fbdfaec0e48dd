import { setTimeout as wait } from 'node:timers/promises'
import type { JobView, Status } from '#dist/daemon/protocol.js'
import { check } from './check.ts'
import { miberaJson, run, showCommand, showLines } from './mibera.ts'
import type { Demo } from './workspace.ts'

const words = ['jobs', 'status']

/** What is awaited comes within this time, or never. */
const longestMilliseconds = 60_000

const lookMilliseconds = 150

/** Runs `mibera jobs status` until it shows what `sought` finds, and prints that one. @returns its lines. */
export async function snapshot(demo: Demo, sought: RegExp): Promise<readonly string[]> {
  const begun = performance.now()
  for (;;) {
    const { status, lines } = await run(demo, words)
    check(status === 0, `mibera ${words.join(' ')} ends well (it ended with ${status})`)
    const found = sought.test(lines.join('\n'))
    if (found || performance.now() - begun > longestMilliseconds) {
      showCommand(demo, words)
      showLines(demo, lines)
      check(found, `mibera jobs status shows ${sought} within ${longestMilliseconds / 1000} s`)
      return lines
    }
    await wait(lookMilliseconds, undefined, { signal: demo.stop })
  }
}

/** As `mibera jobs status --json` says. */
export async function currentStatus(demo: Demo): Promise<Status> {
  return await miberaJson<Status>(demo, words)
}

/** The one conversion that the daemon makes in this demo. */
export async function onlyJob(demo: Demo): Promise<JobView> {
  const { jobs } = await currentStatus(demo)
  const [job] = jobs
  check(jobs.length === 1 && job !== undefined, `there is one job (there are ${jobs.length})`)
  return job
}
