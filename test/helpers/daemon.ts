import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DaemonClient } from '#dist/daemon/client.js'
import type { JobDetails, JobView, NewJobRequest, Status } from '#dist/daemon/protocol.js'
import { mibera } from './command-line.ts'

export interface StartedDaemon {
  readonly pid: number
  readonly client: DaemonClient
}

/** Starts a daemon as a person does. It is killed after the running test, if it still runs then. */
export async function startDaemon(stateDirectory: string, words: readonly string[] = []): Promise<StartedDaemon> {
  const end = await mibera(['daemon', 'start', '--state-dir', stateDirectory, '--json', ...words])
  if (end.status !== 0) throw new Error(`the daemon did not start:\n${end.stderr}`)
  const { pid } = JSON.parse(end.stdout) as { pid: number }
  onTestFinished(() => killDaemon(stateDirectory, pid))
  return { pid, client: new DaemonClient(stateDirectory) }
}

/** SIGKILL, if it runs, and waits until it is gone. */
export async function killDaemon(stateDirectory: string, pid: number): Promise<void> {
  const events = await new DaemonClient(stateDirectory).events('').catch(() => undefined)
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
  // The stream breaks off when the process is gone.
  for await (const _ of events ?? []);
}

export async function addJob(client: DaemonClient, request: NewJobRequest): Promise<JobView> {
  return answered(await client.ask<JobView>('POST', '/v1/jobs', request))
}

export async function statusOf(client: DaemonClient): Promise<Status> {
  return answered(await client.ask<Status>('GET', '/v1/status'))
}

export async function jobOf(client: DaemonClient, id: number): Promise<JobDetails> {
  return answered(await client.ask<JobDetails>('GET', `/v1/jobs/${id}`))
}

/** Waits on the daemon's events until a status is as wanted. */
export async function statusWhen(client: DaemonClient, wanted: (status: Status) => boolean): Promise<Status> {
  for await (const { event, data } of answered(await client.events(''))) {
    if (event !== 'status') continue
    const status = JSON.parse(data) as Status
    if (wanted(status)) return status
  }
  throw new Error('the daemon ended before its status was as wanted')
}

/** Waits until a job is in one of these states. */
export async function jobWhen(client: DaemonClient, id: number, ...states: JobView['state'][]): Promise<JobView> {
  const status = await statusWhen(client, ({ jobs }) => {
    return jobs.some((job) => job.id === id && states.includes(job.state))
  })
  return answered(status.jobs.find((job) => job.id === id))
}

/** Waits until slices of a job are being made. */
export async function jobConverting(client: DaemonClient, id: number): Promise<void> {
  await statusWhen(client, ({ jobs }) => jobs.some((job) => job.id === id && job.live?.phase === 'converting'))
}

/** All of the daemon's log so far. */
export function logOf(stateDirectory: string): string {
  return readFileSync(join(stateDirectory, 'logs', 'daemon.1.log'), 'utf8')
}

function answered<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error('no daemon runs')
  return answer
}
