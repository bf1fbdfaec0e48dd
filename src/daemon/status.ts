import type { Job } from '../jobs/job.ts'
import { openStates } from '../jobs/states.ts'
import type { JobStore } from '../jobs/store/job-store.ts'
import type {
  DaemonView,
  EventView,
  FolderView,
  JobDetails,
  JobView,
  LiveView,
  Status,
  WorkerView,
} from './protocol.ts'

/** How many jobs one status shows besides those in work: enough for a screen, and as quick for a thousand as for ten. */
const shownInLine = 20
const shownEnded = 5
const shownEvents = 50

/** What is known of a job in work beyond its record. */
export interface LiveJob extends LiveView {
  readonly fraction: number
  readonly doneBytes: number
}

/** Looks up jobs in work; nothing is where no daemon runs. */
export type FindLive = (id: number) => LiveJob | undefined

const nothingLive: FindLive = () => undefined

export interface StatusSources {
  readonly store: JobStore
  readonly findLive?: FindLive
  readonly daemon?: DaemonView
  readonly folders?: readonly FolderView[]
  readonly workers?: readonly WorkerView[]
  readonly now: number
}

export function statusOf({
  store,
  findLive = nothingLive,
  daemon,
  folders = [],
  workers = [],
  now,
}: StatusSources): Status {
  const shown = [
    ...store.list({ states: ['running', 'verifying'], order: 'turn' }),
    ...store.list({ states: ['waiting', 'queued', 'paused'], order: 'turn', limit: shownInLine }),
    ...store.list({ states: ['done', 'failed', 'cancelled'], limit: shownEnded }),
  ]
  return {
    api: 1,
    at: now,
    daemon: daemon ?? null,
    counts: store.counts(),
    jobs: shown.map((job) => jobView(job, findLive(job.id))),
    folders: [...folders],
    workers: [...workers],
  }
}

export function jobView(job: Job, live?: LiveJob): JobView {
  const stored = job.totalBytes === 0 ? 0 : Math.min(1, job.doneBytes / job.totalBytes)
  return {
    id: job.id,
    model: job.model,
    output: job.output,
    recipe: job.recipe,
    mix: job.mix,
    options: job.options,
    origin: job.origin,
    priority: job.priority,
    state: job.state,
    reason: job.reason ?? null,
    attempts: job.attempts,
    notBefore: job.state === 'waiting' ? job.notBefore : null,
    needsDisk: job.needsDisk ?? null,
    fraction: job.state === 'done' ? 1 : (live?.fraction ?? stored),
    doneWeights: job.doneWeights,
    totalWeights: job.totalWeights,
    doneBytes: live?.doneBytes ?? job.doneBytes,
    totalBytes: job.totalBytes,
    live: live === undefined ? null : liveView(live),
    created: job.created,
    started: job.started ?? null,
    ended: job.ended ?? null,
  }
}

/** @throws MiberaError JOB_UNKNOWN */
export function jobDetails(store: JobStore, id: number, findLive: FindLive = nothingLive): JobDetails {
  const job = store.require(id)
  return {
    job: jobView(job, findLive(id)),
    files: store.files(job),
    tensors: store.tensors(id).map(({ slices: _, ...tensor }) => tensor),
    events: newestEvents(store, id),
  }
}

export function isOpen({ state }: Pick<JobView, 'state'>): boolean {
  return openStates.includes(state)
}

function newestEvents(store: JobStore, job: number): EventView[] {
  return store
    .events({ job, limit: -1 })
    .slice(-shownEvents)
    .map((event) => ({ ...event, detail: { ...event.detail } }))
}

function liveView({ phase, threads, weightsPerSecond, bytesPerSecond, secondsLeft, tensor }: LiveJob): LiveView {
  return { phase, threads, weightsPerSecond, bytesPerSecond, secondsLeft, tensor }
}
