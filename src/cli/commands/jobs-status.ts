import { Command } from 'commander'
import { DaemonClient } from '../../daemon/client.ts'
import type { Status } from '../../daemon/protocol.ts'
import { statusOf } from '../../daemon/status.ts'
import { globalOptions } from '../global-options.ts'
import { jobsScreen } from '../render/jobs-screen.ts'
import { LivePicture, screenColumns } from '../render/screen.ts'

/** A daemon that is not there is looked for again this often. */
const absentMilliseconds = 1000
/** Where no terminal draws over the last picture, there is a new one only so often. */
const plainMilliseconds = 2000

export function jobsStatusCommand(): Command {
  const command = new Command('status')
    .description('Show on one screen how far conversions and watched downloads are.')
    .option('--watch', 'keep it live until Ctrl-C; with --json one document in a line')
  return command.action(async ({ watch }: { watch?: boolean }) => {
    const { stateDirectory, json } = globalOptions(command)
    if (watch === true) return watchStatus(stateDirectory, json)
    const status = await currentStatus(stateDirectory)
    process.stdout.write(
      json ? `${JSON.stringify(status, null, 2)}\n` : jobsScreen(status, stateDirectory, screenColumns()),
    )
  })
}

async function currentStatus(stateDirectory: string): Promise<Status> {
  return (
    (await new DaemonClient(stateDirectory).ask<Status>('GET', '/v1/status')) ?? (await storedStatus(stateDirectory))
  )
}

/** Without a daemon: what the database says. */
async function storedStatus(stateDirectory: string): Promise<Status> {
  const { withStoredJobs, noJobs } = await import('../../daemon/stored-jobs.ts')
  const now = Date.now()
  return withStoredJobs(stateDirectory, (store) => statusOf({ store, now })) ?? noJobs(now)
}

async function watchStatus(stateDirectory: string, json: boolean): Promise<never> {
  const picture = new LivePicture()
  let drawn = Number.NEGATIVE_INFINITY
  const show = (status: Status) => {
    if (json) return void process.stdout.write(`${JSON.stringify(status)}\n`)
    const now = performance.now()
    if (!process.stdout.isTTY && now - drawn < plainMilliseconds) return
    drawn = now
    picture.draw(jobsScreen(status, stateDirectory, screenColumns()))
  }
  for (;;) {
    const events = await new DaemonClient(stateDirectory).events('')
    for await (const { event, data } of events ?? []) if (event === 'status') show(JSON.parse(data) as Status)
    show(await storedStatus(stateDirectory))
    await new Promise((resolve) => setTimeout(resolve, absentMilliseconds))
  }
}
