import { Command, InvalidArgumentError, Option } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import { DaemonClient } from '../../daemon/client.ts'
import type { JobAction, JobDetails, JobView } from '../../daemon/protocol.ts'
import { jobDetails, jobView } from '../../daemon/status.ts'
import { type JobState, moves } from '../../jobs/states.ts'
import type { JobStore } from '../../jobs/store/job-store.ts'
import { globalOptions } from '../global-options.ts'
import { jobsTable, jobText } from '../render/jobs-table.ts'
import { screenColumns } from '../render/screen.ts'
import { jobsStatusCommand } from './jobs-status.ts'

/** `mibera jobs …`. What only looks works without a daemon, and beside a conversion in place. */
export function jobsCommand(): Command {
  const group = new Command('jobs').description('See and steer conversions in the background.')
  const subcommands = [
    jobsStatusCommand(),
    listCommand(),
    showCommand(),
    actionCommand('pause', 'Stop a job at the next safe point; it keeps what it has done.'),
    actionCommand('resume', 'Let a paused job, or one that waits, go on.'),
    cancelCommand(),
    actionCommand('retry', 'Put a failed or cancelled job in line again.'),
  ]
  for (const subcommand of subcommands) group.addCommand(subcommand)
  return group
}

function listCommand(): Command {
  const command = new Command('list')
    .description('List jobs, the newest first.')
    .option('--state <states>', 'only those in these states: failed,waiting', parseStates)
    .option('--limit <n>', 'how many at the most', parseId, 100)
  return command.action(async ({ state, limit }: { state?: readonly JobState[]; limit: number }) => {
    const { stateDirectory, json } = globalOptions(command)
    const query = new URLSearchParams({
      limit: String(limit),
      ...(state === undefined ? {} : { state: state.join(',') }),
    })
    const jobs =
      (await new DaemonClient(stateDirectory).ask<JobView[]>('GET', `/v1/jobs?${query}`)) ??
      (await stored(stateDirectory, (store) => storedJobs(store, limit, state))) ??
      []
    process.stdout.write(json ? `${JSON.stringify(jobs, null, 2)}\n` : jobsTable(jobs, screenColumns()))
  })
}

function storedJobs(store: JobStore, limit: number, states: readonly JobState[] | undefined): JobView[] {
  return store.list({ limit, ...(states === undefined ? {} : { states }) }).map((job) => jobView(job))
}

function showCommand(): Command {
  const command = new Command('show')
    .description('Show all that is known of a job.')
    .argument('<id>', 'number of the job', parseId)
  return command.action(async (id: number) => {
    const { stateDirectory, json } = globalOptions(command)
    const details =
      (await new DaemonClient(stateDirectory).ask<JobDetails>('GET', `/v1/jobs/${id}`)) ??
      (await stored(stateDirectory, (store) => jobDetails(store, id)))
    if (details === undefined) throw unknownJob(id)
    process.stdout.write(json ? `${JSON.stringify(details, null, 2)}\n` : jobText(details, Date.now(), screenColumns()))
  })
}

function cancelCommand(): Command {
  const command = actionCommand('cancel', 'Give a job up.')
  return command
    .option('--keep-part', 'keep the unfinished file, for a retry (default)')
    .addOption(new Option('--remove-part', 'delete the unfinished file').conflicts('keepPart'))
}

function actionCommand(action: JobAction, description: string): Command {
  const command = new Command(action).description(description).argument('<id>', 'number of the job', parseId)
  return command.action(async (id: number, { removePart }: { removePart?: boolean }) => {
    const { stateDirectory, json, quiet } = globalOptions(command)
    const part = removePart === true ? 'remove' : 'keep'
    const job =
      (await new DaemonClient(stateDirectory).ask<JobView>('POST', `/v1/jobs/${id}/${action}`, { part })) ??
      (await actInPlace(stateDirectory, id, action, part))
    if (json) process.stdout.write(`${JSON.stringify(job, null, 2)}\n`)
    else if (!quiet) process.stdout.write(`Job ${id} is ${job.state}.\n`)
  })
}

/** Without a daemon: in this process, which holds the state directory for that long. */
async function actInPlace(
  stateDirectory: string,
  id: number,
  action: JobAction,
  part: 'keep' | 'remove',
): Promise<JobView> {
  const { actOnStoredJob } = await import('../../daemon/stored-jobs.ts')
  return jobView(await actOnStoredJob(stateDirectory, id, action, part))
}

async function stored<T>(stateDirectory: string, look: (store: JobStore) => T): Promise<T | undefined> {
  const { withStoredJobs } = await import('../../daemon/stored-jobs.ts')
  return withStoredJobs(stateDirectory, look)
}

function parseId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return Number(text)
}

function parseStates(text: string): JobState[] {
  const states = text.split(',')
  if (states.every((state): state is JobState => Object.hasOwn(moves, state))) return states
  throw new InvalidArgumentError(`States: ${Object.keys(moves).join(', ')}.`)
}

function unknownJob(id: number): MiberaError {
  return new MiberaError('JOB_UNKNOWN', `there is no job ${id}`, {
    subject: String(id),
    hint: '"mibera jobs list" shows the numbers of all jobs.',
  })
}
