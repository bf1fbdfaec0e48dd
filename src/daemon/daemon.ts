import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { formatBytes } from '../base/byte-count.ts'
import type { MiberaError } from '../base/errors.ts'
import { type OpenState, openState } from '../convert/state/open-state.ts'
import { ThreadLimit } from '../convert/thread-limit.ts'
import { JobStore } from '../jobs/store/job-store.ts'
import { availableMemoryFrom, systemAvailableMemory } from './available-memory.ts'
import { Control } from './control.ts'
import { controlAddress } from './control-address.ts'
import type { Coordinator } from './coordinator/coordinator.ts'
import { leadingBytes } from './coordinator/settings-together.ts'
import { JobRequests } from './job-requests.ts'
import type { Log } from './log.ts'
import { MemoryGuard, type ThreadChange } from './memory-guard.ts'
import { ControlServer } from './server.ts'
import type { LoadedSettings, Settings } from './settings.ts'
import { shownSettings } from './shown-settings.ts'
import { standBack } from './stand-back.ts'
import { Supervisor } from './supervisor.ts'
import type { Watcher } from './watch/watcher.ts'
import { addWatchedJobs } from './watched-jobs.ts'

export interface DaemonOptions {
  readonly stateDirectory: string
  readonly settings: LoadedSettings
  readonly version: string
  readonly log: Log
  /** Somebody asked over the control API for the daemon to end. */
  readonly onStopRequest: () => void
}

/**
 * The long-lived process's parts, put together: it holds the state directory, runs jobs, watches folders and memory,
 * answers the control API and, where that is asked for, leads the workers on other machines. One start/stop contract: stop is safe before start, and twice.
 */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #settings: Settings
  readonly #started = Date.now()
  readonly #threadLimit: ThreadLimit
  readonly #guard: MemoryGuard
  #parts: Parts | undefined
  #watcher: Watcher | undefined
  #stopped: Promise<void> | undefined

  constructor(options: DaemonOptions) {
    this.#options = options
    this.#settings = options.settings.values
    const { threads, memoryFloor, memoryFile } = this.#settings
    // One is always there, to check what comes from elsewhere and to read back.
    const mostThreads = Math.max(1, threads)
    this.#threadLimit = new ThreadLimit(mostThreads)
    this.#guard = new MemoryGuard({
      limit: this.#threadLimit,
      mostThreads,
      floor: memoryFloor,
      read: memoryFile === null ? systemAvailableMemory : availableMemoryFrom(memoryFile),
      onChange: (change) => options.log.warn(change, threadsText(change)),
    })
  }

  /**
   * Returns as soon as the control API answers; folders are looked at and jobs begun after that.
   * @throws MiberaError STATE_IN_USE when another process holds the state directory; and as openState and the server.
   */
  async start(): Promise<void> {
    const { stateDirectory, log } = this.#options
    const state = openState(stateDirectory)
    let coordinator: Coordinator | undefined
    let parts: Parts
    try {
      coordinator = await this.#lead()
      parts = this.#assemble(state, coordinator)
      await parts.server.start()
    } catch (error) {
      await coordinator?.stop()
      state.close()
      throw error
    }
    this.#parts = parts
    this.#guard.start()
    // It answers; from here on it works.
    standBack()
    parts.supervisor.start()
    await this.#watch(parts)
    log.info({ settings: shownSettings(this.#settings), stateDirectory }, 'the daemon runs')
  }

  /** What it does without for the time being, as a moment after the start shows. */
  async trouble(stop: AbortSignal): Promise<MiberaError | undefined> {
    return this.#parts?.coordinator?.trouble(stop)
  }

  /** Finishes the slices in hand, makes them durable, and gives everything back. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  /** For a process that must end before {@link stop} has. */
  excuse(): void {
    this.#parts?.supervisor.excuse()
  }

  async #stopAll(): Promise<void> {
    this.#guard.stop()
    await this.#watcher?.stop()
    if (this.#parts === undefined) return
    const { supervisor, server, state, coordinator } = this.#parts
    await supervisor.stop()
    await coordinator?.stop()
    server.stopListening()
    state.close()
    this.#options.log.info('the daemon has stopped')
    await server.stop()
  }

  /** Begins to lead workers. What that needs is loaded only where Redis is named. */
  async #lead(): Promise<Coordinator | undefined> {
    if (this.#settings.redis === null) return undefined
    const { stateDirectory, version, log } = this.#options
    const { startCoordinator } = await import('./coordinator/coordinator.ts')
    return startCoordinator({ stateDirectory, version, settings: this.#settings, log })
  }

  #assemble(state: OpenState, coordinator: Coordinator | undefined): Parts {
    const { version, log, stateDirectory } = this.#options
    const { threads } = this.#settings
    const maxMemory = this.#settings.maxMemory - (coordinator === undefined ? 0 : leadingBytes)
    const store = new JobStore(state.database)
    const supervisor = new Supervisor({
      ...{ database: state.database, store, version, threads, threadLimit: this.#threadLimit, maxMemory, log },
      ...(coordinator === undefined ? {} : { elsewhere: (conversion) => coordinator.elsewhere(conversion) }),
      lease: `process ${process.pid} on ${hostname()}, ${randomUUID()}`,
      // What conversions need is loaded with the first one: the control API answers sooner.
      run: async (job, context) => (await import('../jobs/run-job.ts')).runJob(job, context),
    })
    const requests = new JobRequests(state.database, store, supervisor)
    const control = new Control({
      ...{ stateDirectory, version, settings: this.#options.settings, started: this.#started },
      ...{ store, supervisor, requests, threadLimit: this.#threadLimit, guard: this.#guard },
      folders: () => this.#watcher?.folders() ?? [],
      workers: () => coordinator?.workers() ?? [],
      scaleOut: () => coordinator?.view(),
      stopping: () => this.#stopped !== undefined,
      requestStop: this.#options.onStopRequest,
    })
    const server = new ControlServer(controlAddress(stateDirectory), control)
    return { state, store, supervisor, requests, server, coordinator }
  }

  async #watch({ store, supervisor, requests }: Parts): Promise<void> {
    const { watch, quietTime, poll } = this.#settings
    if (watch.length === 0 || this.#stopped !== undefined) return
    const { log } = this.#options
    const { Watcher } = await import('./watch/watcher.ts')
    this.#watcher = new Watcher({
      ...{ roots: watch, quietMs: quietTime * 1000, poll },
      onComplete: (folder) => {
        addWatchedJobs(folder, this.#settings, store, log, (id) => requests.act(id, 'cancel', 'remove'))
          .then(() => supervisor.look())
          .catch((error: unknown) => log.error({ err: error, model: folder.path }, `no job for ${folder.path}`))
      },
      onChange: () => {},
      onTrouble: (error) => log.warn({ err: error }, 'the file system does not tell of changes; looking by the clock'),
    })
    await this.#watcher.start()
  }
}

interface Parts {
  readonly state: OpenState
  readonly store: JobStore
  readonly supervisor: Supervisor
  readonly requests: JobRequests
  readonly server: ControlServer
  readonly coordinator: Coordinator | undefined
}

function threadsText({ threads, available }: ThreadChange): string {
  return `conversions may use ${threads} ${threads === 1 ? 'thread' : 'threads'}: the machine has ${formatBytes(available)} of memory available`
}
