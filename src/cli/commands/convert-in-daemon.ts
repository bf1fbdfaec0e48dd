import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { MiberaError } from '../../base/errors.ts'
import { outputPaths } from '../../convert/output-paths.ts'
import type { Report } from '../../convert/report.ts'
import { DaemonClient } from '../../daemon/client.ts'
import type { JobDetails, JobView, NewJobRequest, Status } from '../../daemon/protocol.ts'
import type { JobOptions } from '../../jobs/job-options.ts'
import type { GlobalOptions } from '../global-options.ts'
import { type MadeFile, madeFile } from '../made-file.ts'
import { FollowDisplay } from '../render/follow-display.ts'

export type HandedOver =
  | { readonly kind: 'published'; readonly files: readonly MadeFile[] }
  /** The reader left, or the daemon: the job goes on without this process. */
  | { readonly kind: 'left' }

/**
 * Gives a conversion to the daemon and follows it to its end.
 * @param ownLimits whether threads or memory were asked for, which the daemon has its own of.
 * @returns `undefined` when no daemon runs.
 * @throws MiberaError with which the daemon refused the job, or the job failed.
 */
export async function convertInDaemon(
  request: NewJobRequest,
  { stateDirectory, quiet }: GlobalOptions,
  ownLimits: boolean,
): Promise<HandedOver | undefined> {
  const client = new DaemonClient(stateDirectory)
  const job = await addOrFind(client, request)
  if (job === undefined) return undefined
  const display = new FollowDisplay(quiet)
  const leave = new AbortController()
  const onSignal = () => leave.abort()
  for (const signal of signals) process.on(signal, onSignal)
  display.begin(job, ownLimits)
  try {
    const last = await follow(client, job.id, leave.signal, display)
    return await conclude(client, last, display, leave.signal.aborted)
  } finally {
    display.clear()
    for (const signal of signals) process.off(signal, onSignal)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A new job or, where one for the same conversion is open, that one: the same command again shows how far it is. */
async function addOrFind(client: DaemonClient, request: NewJobRequest): Promise<JobView | undefined> {
  try {
    return await client.ask<JobView>('POST', '/v1/jobs', request)
  } catch (error) {
    if (!(error instanceof MiberaError) || error.code !== 'JOB_EXISTS') throw error
    const open = 'waiting,queued,running,verifying,paused'
    const jobs = (await client.ask<JobView[]>('GET', `/v1/jobs?state=${open}&limit=10000`)) ?? []
    const same = jobs.find((job) => sameConversion(job, request))
    if (same === undefined) throw error
    if (same.state !== 'paused') return same
    return client.ask<JobView>('POST', `/v1/jobs/${same.id}/resume`)
  }
}

function sameConversion(job: JobView, request: NewJobRequest): boolean {
  const { output, model, recipe, mix, options = {} } = request
  const same = job.output === output && job.model === model && job.recipe === recipe && job.mix === mix
  return same && isDeepStrictEqual(lasting(job.options), lasting(options))
}

/** What decides the bytes: not how the job is to begin. */
function lasting(options: JobOptions): Partial<JobOptions> {
  const { force: _, restart: __, reclaimSource: ___, ...rest } = options
  return rest
}

const followed: readonly JobView['state'][] = ['waiting', 'queued', 'running', 'verifying']

/** Shows the job until it is at an end, the reader leaves, or the daemon does. Returns it as it was seen last. */
async function follow(
  client: DaemonClient,
  id: number,
  leave: AbortSignal,
  display: FollowDisplay,
): Promise<JobView | undefined> {
  let last: JobView | undefined
  try {
    for await (const { event, data } of (await client.events(`?job=${id}`, leave)) ?? []) {
      if (event !== 'status') continue
      const { jobs, at } = JSON.parse(data) as Status
      last = jobs.find((job) => job.id === id) ?? (await client.ask<JobDetails>('GET', `/v1/jobs/${id}`))?.job
      if (last === undefined || !followed.includes(last.state)) return last
      display.show(last, at)
    }
  } catch (error) {
    if (!leave.aborted) throw error
  }
  return last
}

/** What the reports say that the daemon has written. */
async function madeFiles(client: DaemonClient, { id, output }: JobView): Promise<MadeFile[]> {
  const details = await client.ask<JobDetails>('GET', `/v1/jobs/${id}`)
  const read = async (path: string) => JSON.parse(await readFile(outputPaths(path).report, 'utf8')) as Report
  return Promise.all((details?.files ?? [output]).map(async (path) => madeFile(path, await read(path))))
}

async function conclude(
  client: DaemonClient,
  job: JobView | undefined,
  display: FollowDisplay,
  left: boolean,
): Promise<HandedOver> {
  if (job?.state === 'done') {
    const files = await madeFiles(client, job)
    display.done(job, files)
    return { kind: 'published', files }
  }
  if (job?.state === 'failed') {
    const { code, message, hint } = job.reason ?? { code: 'INTERNAL', message: `job ${job.id} failed` }
    throw new MiberaError(code, message, { hint })
  }
  display.left(job, left)
  return { kind: 'left' }
}
