import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { DaemonClient } from '#dist/daemon/client.js'
import type { JobView, Status } from '#dist/daemon/protocol.js'
import { mibera } from '../helpers/command-line.ts'
import { addJob, jobOf, logOf, statusOf, statusWhen } from '../helpers/daemon.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { freePort } from '../helpers/redis-server.ts'
import { smallPre } from '../helpers/small-model.ts'
import { makeCertificate } from './certificate.ts'
import { Junction, type Line } from './junction.ts'
import { Ledger } from './ledger.ts'
import { isolation, type Machine, type Network, network } from './network.ts'
import { Program, type ProgramOptions } from './program.ts'
import { type TrialModel, trialRecipe } from './trial-model.ts'
import { redisPassword, TrialRedis } from './trial-redis.ts'
import { unbundled } from './unbundled.ts'

export interface TrialOptions {
  readonly model: TrialModel
  /** Absolute path of the folder that holds the model and will hold all that the daemon writes. */
  readonly root: string
  readonly workers: number
  /** What of `root` workers see all the same, on a shared drive: nothing unless it is said. */
  readonly shared?: 'output' | 'everything'
  readonly lockSeconds?: number
}

/** The ways by which one worker reaches the others. */
export interface Lines {
  readonly redis: Line
  readonly coordinator: Line
}

/**
 * A daemon without threads of its own, a Redis, and machines for workers, which see neither the model nor the output
 * but through the coordinator's listener. All ways between them go through a junction that can be cut.
 */
export class Trial {
  readonly options: TrialOptions
  readonly network: Network
  readonly redis: TrialRedis
  readonly ledger: Ledger
  readonly output: string
  readonly client: DaemonClient
  /** By worker. */
  readonly lines: readonly Lines[]
  /** From the daemon to Redis. */
  readonly daemonLine: Line
  readonly #folders: Folders
  readonly #listen: string
  readonly #programs: Program[] = []
  #daemon: Program | undefined
  /** The last restart, from the kill to the answer. */
  #restarted: Promise<void> = Promise.resolve()

  private constructor(parts: Parts) {
    const { options, folders } = parts
    this.options = options
    this.network = parts.network
    this.redis = parts.redis
    this.lines = parts.lines
    this.daemonLine = parts.daemonLine
    this.#folders = folders
    this.#listen = parts.listen
    this.ledger = new Ledger(options.model.plan, folders.state)
    this.output = join(folders.output, 'trial.gguf')
    this.client = new DaemonClient(folders.state)
  }

  /** Machines, Redis and lines, and a daemon that answers. */
  static async start(options: TrialOptions): Promise<Trial> {
    const folders = await makeFolders(options.root)
    const { root, model, shared, workers } = options
    const hidden = { nothing: root, output: model.folder, everything: folders.unused }[shared ?? 'nothing']
    const machines = network(workers, hidden)
    const { hub } = machines
    const [redisPort, port] = await trialPorts()
    const redis = await TrialRedis.start(hub, redisPort)
    const junction = await Junction.start(hub)
    const [toRedis, toCoordinator] = [
      { host: '127.0.0.1', port: redis.port },
      { host: hub.address, port },
    ]
    const lines = await Promise.all(
      machines.workers.map(async (_, index) => ({
        redis: await junction.line(`redis ${index}`, toRedis),
        coordinator: await junction.line(`coordinator ${index}`, toCoordinator),
      })),
    )
    const daemonLine = await junction.line('daemon', toRedis)
    makeCertificate(folders.keys, [hub.address, '127.0.0.1'])
    expect(await mibera(['daemon', 'token', join(folders.keys, 'token')])).toMatchObject({ status: 0 })
    await writeFile(join(folders.keys, 'redis-password'), `${redisPassword}\n`)
    await chmod(join(folders.keys, 'redis-password'), 0o600)
    const parts = { options, network: machines, redis, lines, daemonLine, folders, listen: `${hub.address}:${port}` }
    const trial = new Trial(parts)
    await trial.startDaemon()
    trial.ledger.watchBookmarks()
    onTestFinished(({ task }) => {
      if (task.result?.state === 'fail') trial.tell()
    })
    return trial
  }

  /** The daemon of this moment. */
  get daemon(): Program {
    if (this.#daemon === undefined) throw new Error('no daemon was started')
    return this.#daemon
  }

  /** All that this and earlier daemons logged. */
  get log(): string {
    return logOf(this.#folders.state)
  }

  /** What a worker on the hub is told of the daemon. */
  get entrance(): { readonly origin: string; readonly ca: string; readonly token: string } {
    const { keys } = this.#folders
    return { origin: `https://${this.#listen}`, ca: join(keys, 'tls-cert.pem'), token: join(keys, 'token') }
  }

  /** Names the conversion to workers. */
  get key(): string {
    return this.ledger.key
  }

  /** Returns when it answers. Not while another runs. */
  async startDaemon(): Promise<void> {
    const { lockSeconds = 2, shared } = this.options
    const { state, keys } = this.#folders
    const listening = [
      '--listen',
      this.#listen,
      '--tls-cert',
      join(keys, 'tls-cert.pem'),
      '--tls-key',
      join(keys, 'tls-key.pem'),
    ]
    const all = [
      ...['daemon', 'start', '--foreground', '--state-dir', state, '--threads', '0', '--max-memory', '512M'],
      ...[...this.#redisWords(this.daemonLine), '--token-file', join(keys, 'token'), ...listening],
      ...['--lock-time', String(lockSeconds), ...(shared === undefined ? [] : ['--shared-results'])],
    ]
    const from = await unbundled()
    const daemon = Program.start(this.network.hub, all, { preload: ['ledger-preload.mjs'], from })
    this.#daemon = daemon
    this.#programs.push(daemon)
    const heard = this.ledger.follow(daemon.ledger)
    // With Redis away it is ready all the same, and says so.
    const message = await daemon.message()
    expect(message, JSON.stringify(message)).toMatchObject({ kind: 'ready' })
    // It tells before it is ready: that only has to be read.
    const unheard = delay(10_000, 'unheard', { ref: false })
    expect(await Promise.race([heard, unheard]), 'ledger-preload.mjs changes nothing in the daemon').toBe('heard')
  }

  /** @returns when it has joined, unless it need not. */
  async startWorker(index: number, options: ProgramOptions & { readonly join?: boolean } = {}): Promise<Program> {
    const { redis, coordinator } = this.#line(index)
    const { keys } = this.#folders
    const words = [
      ...['worker', '--threads', '1', '--max-memory', '256M', ...this.#redisWords(redis)],
      ...['--coordinator', `https://${coordinator.host}:${coordinator.port}`, '--ca', join(keys, 'tls-cert.pem')],
      ...['--token-file', join(keys, 'token')],
    ]
    const program = Program.start(this.#machine(index), words, options)
    this.#programs.push(program)
    if (options.join !== false) await this.joined(program)
    return program
  }

  /** Waits until the daemon knows a worker. */
  async joined({ pid, end }: Program): Promise<void> {
    const known = this.status(({ workers }) => workers.some((worker) => worker.pid === pid))
    const ended = end.then((how) => Promise.reject(new Error(`a worker ended with ${how} before it had joined`)))
    await Promise.race([known, ended])
  }

  async convert(): Promise<JobView> {
    const { model } = this.options
    return addJob(this.client, {
      ...{ model: model.folder, output: this.output, recipe: trialRecipe },
      options: { pre: smallPre },
    })
  }

  /** Kills the daemon, and starts another some milliseconds later. */
  async restartDaemon(pause: number): Promise<void> {
    const next = async () => {
      await this.daemon.kill()
      await delay(pause)
      await this.startDaemon()
    }
    this.#restarted = next()
    await this.#restarted
  }

  /** Waits until a status of whatever daemon runs is as wanted. */
  async status(wanted: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const { daemon } = this
      const restarted = this.#restarted
      try {
        return await statusWhen(this.client, wanted)
      } catch (error) {
        // Nobody killed it.
        if (this.#restarted === restarted && this.daemon === daemon) throw error
        await this.#restarted
      }
    }
  }

  /** Waits until a job needs nothing more. */
  async ended(id: number): Promise<void> {
    await this.status(({ jobs }) =>
      jobs.some((job) => job.id === id && (job.state === 'done' || job.state === 'failed')),
    )
  }

  /** Waits until nothing of the conversion stands in Redis any more. Nobody tells when that is. */
  async emptied(): Promise<void> {
    await expect.poll(() => this.redis.jobs(), { timeout: 20_000, interval: 100 }).toEqual([])
  }

  /** The conversion is over, and all that was promised holds. */
  async check(job: number): Promise<void> {
    const { state, reason } = (await jobOf(this.client, job)).job
    expect({ state, reason }).toEqual({ state: 'done', reason: null })
    expect(await fileSha256(this.output)).toBe(this.options.model.expected.sha256)
    this.ledger.check()
    expect((await readdir(this.#folders.output)).toSorted()).toEqual(['trial.gguf', 'trial.gguf.report.json'])
    expect((await statusOf(this.client)).counts).toMatchObject({ done: 1, failed: 0, running: 0 })
  }

  /** What everybody said, for whoever looks into a trial that failed. */
  tell(): void {
    console.log(lastLines(this.log))
    for (const { pid, output } of this.#programs) console.log(`process ${pid}:\n${lastLines(output)}`)
  }

  #redisWords({ host, port }: Line): string[] {
    const password = join(this.#folders.keys, 'redis-password')
    return ['--redis', `redis://${host}:${port}`, '--redis-password-file', password]
  }

  #line(index: number): Lines {
    const lines = this.lines[index]
    if (lines === undefined) throw new Error(`no machine ${index}`)
    return lines
  }

  #machine(index: number): Machine {
    const machine = this.network.workers[index]
    if (machine === undefined) throw new Error(`no machine ${index}`)
    return machine
  }
}

function lastLines(text: string): string {
  return text.split('\n').slice(-200).join('\n')
}

interface Folders {
  readonly state: string
  readonly output: string
  /** What workers are given: outside of the folder that is hidden from them. */
  readonly keys: string
  /** An empty folder. */
  readonly unused: string
}

interface Parts {
  readonly options: TrialOptions
  readonly network: Network
  readonly redis: TrialRedis
  readonly lines: readonly Lines[]
  readonly daemonLine: Line
  readonly folders: Folders
  readonly listen: string
}

async function makeFolders(root: string): Promise<Folders> {
  const here = await mkdtemp(join(root, 'trial-'))
  const keys = await mkdtemp(join(tmpdir(), 'mibera-keys-'))
  onTestFinished(async () => {
    for (const folder of [here, keys]) await rm(folder, { recursive: true, force: true })
  })
  const [state, output, unused] = [join(here, 'state'), join(here, 'output'), join(keys, 'unused')]
  await mkdir(output)
  await mkdir(unused)
  return { state, output, keys, unused }
}

/**
 * Of Redis and of the coordinator. A network of its own has no other listeners, and gives connections no port below
 * 32768: there they are free again whenever one of the two was killed.
 */
async function trialPorts(): Promise<[number, number]> {
  return isolation === 'network and mount namespaces' ? [6379, 7443] : [await freePort(), await freePort()]
}
