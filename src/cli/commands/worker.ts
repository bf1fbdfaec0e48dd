import { hostname } from 'node:os'
import { resolve, win32 } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'
import { requireLeastMemory } from '../../convert/least-memory.ts'
import { defaultMemory, defaultThreads } from '../../plan/machine-defaults.ts'
import type { WorkerEvent } from '../../worker/events.ts'
import type { PathMap } from '../../worker/shared-paths.ts'
import { globalOptions } from '../global-options.ts'
import { HealthFile } from '../health-file.ts'
import { parseMemory, parseThreads } from '../options/parse.ts'
import { WorkerDisplay } from '../render/worker-display.ts'
import { stopOnSignals } from '../stop-signals.ts'
import { programVersion } from '../version.ts'
import { workerListCommand } from './worker-list.ts'

interface WorkerCommandOptions {
  readonly redis?: string
  readonly redisPasswordFile?: string
  readonly redisCa?: string
  readonly coordinator?: string
  readonly tokenFile?: string
  readonly ca?: string
  readonly map?: readonly PathMap[]
  readonly threads?: number
  readonly maxMemory?: number
  readonly healthFile?: string
}

/** `mibera worker` lends this machine; `mibera worker list` asks a daemon who does. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description('Lend this machine to a daemon elsewhere, until it is stopped. Nothing is kept here.')
    .addOption(
      new Option('--redis <url>', "the daemon's Redis: redis://HOST, rediss://HOST for TLS").env('MIBERA_REDIS'),
    )
    .addOption(
      new Option('--coordinator <url>', 'where the daemon listens: https://HOST:PORT').env('MIBERA_COORDINATOR'),
    )
    .addOption(new Option('--token-file <file>', "copy of the daemon's token file").env('MIBERA_TOKEN_FILE'))
    .addOption(
      new Option('--ca <file>', "certificate (PEM) that the daemon's own is, or is signed by").env('MIBERA_CA'),
    )
    .addOption(
      new Option('--redis-password-file <file>', "file with Redis's password").env('MIBERA_REDIS_PASSWORD_FILE'),
    )
    .addOption(
      new Option('--redis-ca <file>', "certificate (PEM) that Redis's own is signed by").env('MIBERA_REDIS_CA'),
    )
    .addOption(
      new Option('--map <from=to>', "where this machine sees a folder of the daemon's (repeatable)").argParser(
        parseMap,
      ),
    )
    .addOption(
      new Option('--threads <n>', 'worker threads (default: all processors)')
        .argParser(parseThreads)
        .env('MIBERA_THREADS'),
    )
    .addOption(
      new Option('--max-memory <size>', 'memory to use at the most (default: a quarter, up to 1G)')
        .argParser(parseMemory)
        .env('MIBERA_MAX_MEMORY'),
    )
    .addOption(
      new Option('--health-file <file>', 'file to renew every 5 s while all is well, for health checks').env(
        'MIBERA_HEALTH_FILE',
      ),
    )
    .addCommand(workerListCommand())
  return command.action(async (options: WorkerCommandOptions) => {
    const { quiet } = globalOptions(command)
    await lend(options, quiet)
  })
}

async function lend(options: WorkerCommandOptions, quiet: boolean): Promise<void> {
  const needed = neededOptions(options)
  const { runWorker } = await import('../../worker/worker-process.ts')
  const { coordinatorAddress } = await import('../../worker/coordinator-address.ts')
  const { requireMapped } = await import('../../worker/shared-paths.ts')
  const { redisAddress } = await import('../../jobs/engines/bullmq/redis-settings.ts')
  const { standBack } = await import('../../daemon/stand-back.ts')
  const { threads = defaultThreads(), maxMemory = defaultMemory(), map = [] } = options
  requireLeastMemory(maxMemory)
  await requireMapped(map)
  const redis = await redisAddress({
    url: needed.redis,
    passwordFile: options.redisPasswordFile,
    caFile: options.redisCa,
  })
  const coordinator = await coordinatorAddress(needed.coordinator, options.ca)
  const display = new WorkerDisplay(quiet)
  const health = options.healthFile === undefined ? undefined : new HealthFile(options.healthFile)
  const { stop, release } = stopOnSignals(() => display.stopping())
  standBack()
  try {
    const own = { redis, coordinator, tokenFile: needed.tokenFile, threads, maxMemory, maps: map }
    const onEvent = (event: WorkerEvent) => {
      display.show(event)
      health?.note(event)
    }
    await runWorker({ ...own, version: programVersion(), host: hostname(), stop, onEvent })
    display.end()
  } finally {
    display.clear()
    health?.end()
    release()
  }
}

/** @throws MiberaError USAGE, which names all that are missing. */
function neededOptions({ redis = '', coordinator = '', tokenFile = '' }: WorkerCommandOptions) {
  const missing = Object.entries({ REDIS: redis, COORDINATOR: coordinator, TOKEN_FILE: tokenFile })
    .filter(([, value]) => value === '')
    .map(([name]) => ({ option: `--${name.toLowerCase().replace('_', '-')}`, variable: `MIBERA_${name}` }))
  if (missing.length === 0) return { redis, coordinator, tokenFile }
  const options = inWords(missing.map(({ option }) => option))
  const variables = inWords(missing.map(({ variable }) => variable))
  throw new MiberaError('USAGE', `a worker needs ${options}`, {
    subject: missing[0]?.option,
    hint: `Give ${missing.length === 1 ? 'it, or the variable' : 'them, or the variables'} ${variables}. docs/workers.md shows the whole command.`,
  })
}

/** "a", "a and b", "a, b and c". */
function inWords(names: readonly string[]): string {
  const [last = '', ...before] = names.toReversed()
  return before.length === 0 ? last : `${before.toReversed().join(', ')} and ${last}`
}

function parseMap(text: string, earlier: readonly PathMap[] = []): readonly PathMap[] {
  const separator = text.indexOf('=')
  const from = text.slice(0, Math.max(0, separator))
  const to = text.slice(separator + 1)
  if (from === '' || to === '') throw new InvalidArgumentError('Give FROM=TO, e.g. /data/models=/mnt/models.')
  // The daemon's machine may be of another system; to Windows an absolute path of others is one, too.
  if (!win32.isAbsolute(from)) {
    throw new InvalidArgumentError(`${quote(from)} is no whole path: give it as the daemon's machine has it.`)
  }
  return [...earlier, { from, to: resolve(to) }]
}
