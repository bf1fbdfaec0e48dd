import { resolve } from 'node:path'
import type * as z from 'zod'
import type { ThreadLimit } from '../convert/thread-limit.ts'
import { rememberImportance } from '../jobs/read-importance.ts'
import type { JobStore } from '../jobs/store/job-store.ts'
import type { JobRequests } from './job-requests.ts'
import type { SettingName } from './lawful-settings.ts'
import type { MemoryGuard } from './memory-guard.ts'
import type {
  DaemonView,
  EventView,
  FolderView,
  JobAction,
  JobDetails,
  JobView,
  jobListQuerySchema,
  newJobSchema,
  ScaleOutView,
  SettingsView,
  Status,
  WorkerView,
} from './protocol.ts'
import type { Controlled } from './server.ts'
import type { LoadedSettings } from './settings.ts'
import { shownSettings } from './shown-settings.ts'
import { jobDetails, jobView, statusOf } from './status.ts'
import type { Supervisor } from './supervisor.ts'
import type { WatchedFolder } from './watch/watched-folder.ts'

export interface ControlOptions {
  readonly stateDirectory: string
  readonly version: string
  readonly settings: LoadedSettings
  /** Milliseconds since the epoch. */
  readonly started: number
  readonly store: JobStore
  readonly supervisor: Supervisor
  readonly requests: JobRequests
  readonly threadLimit: ThreadLimit
  readonly guard: MemoryGuard
  folders(): readonly WatchedFolder[]
  workers(): readonly WorkerView[]
  scaleOut(): ScaleOutView | undefined
  stopping(): boolean
  requestStop(): void
}

/** Events that one look at them shows at the most; the next look goes on from there. */
const mostEvents = 1000

/** What the control API says and does, out of the daemon's parts. */
export class Control implements Controlled {
  readonly #options: ControlOptions

  constructor(options: ControlOptions) {
    this.#options = options
  }

  status(): Status {
    const { store } = this.#options
    return statusOf({
      store,
      findLive: this.#findLive,
      daemon: this.#daemon(),
      folders: this.#folders(),
      workers: this.#options.workers(),
      now: Date.now(),
    })
  }

  lastEvent(): number {
    return this.#options.store.lastEvent()
  }

  events(after: number, job?: number): EventView[] {
    const filter = { after, limit: mostEvents, ...(job === undefined ? {} : { job }) }
    return this.#options.store.events(filter).map((event) => ({ ...event, detail: { ...event.detail } }))
  }

  jobs({ state, limit }: z.output<typeof jobListQuerySchema>): JobView[] {
    const jobs = this.#options.store.list({ limit, ...(state === undefined ? {} : { states: state }) })
    return jobs.map((job) => jobView(job, this.#findLive(job.id)))
  }

  job(id: number): JobDetails {
    return jobDetails(this.#options.store, id, this.#findLive)
  }

  async add(job: z.output<typeof newJobSchema>): Promise<JobView> {
    const { store, supervisor } = this.#options
    const options = await rememberImportance(job.options)
    const added = store.add({
      ...job,
      options,
      model: resolve(job.model),
      output: resolve(job.output),
      origin: 'person',
    })
    supervisor.look()
    return jobView(added)
  }

  async act(id: number, action: JobAction, part: 'keep' | 'remove'): Promise<JobView> {
    const { requests, supervisor } = this.#options
    const job = await requests.act(id, action, part)
    supervisor.look()
    return jobView(job, this.#findLive(id))
  }

  settings(): SettingsView {
    const { sources } = this.#options.settings
    const values = shownSettings(this.#options.settings.values)
    const names = Object.keys(values) as SettingName[]
    return Object.fromEntries(names.map((name) => [name, { value: values[name], source: sources[name] }]))
  }

  requestStop(): void {
    this.#options.requestStop()
  }

  readonly #findLive = (id: number) => this.#options.supervisor.findLive(id)

  #daemon(): DaemonView {
    const { version, stateDirectory, started, settings, threadLimit, guard } = this.#options
    const { threads, maxMemory, memoryFloor } = settings.values
    return {
      api: 1,
      ...{ version, stateDirectory, started, pid: process.pid },
      stopping: this.#options.stopping(),
      ...{ threads: Math.min(threads, threadLimit.threads), mostThreads: threads },
      memory: {
        resident: process.memoryUsage.rss(),
        budget: maxMemory,
        available: guard.available ?? null,
        floor: memoryFloor,
      },
      scaleOut: this.#options.scaleOut() ?? null,
    }
  }

  #folders(): FolderView[] {
    const folders = this.#options
      .folders()
      .filter(({ path, state }) => state === 'complete' || !this.#isReclaimed(path))
    return folders.map(({ path, state, reason, doneBytes, totalBytes, bytesPerSecond, secondsLeft }) => ({
      ...{ path, state, reason, doneBytes, bytesPerSecond },
      totalBytes: totalBytes ?? null,
      secondsLeft: secondsLeft ?? null,
    }))
  }

  /** Its shards are missing because they were converted, not because they have yet to come. */
  #isReclaimed(path: string): boolean {
    const job = this.#options.store.newestOf(path)
    return job?.options.reclaimSource === true && job.totalWeights > 0
  }
}
