import { Command, InvalidArgumentError } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import type { RawSettings } from '../../daemon/settings.ts'
import type { Recipe } from '../../quant/recipes.ts'
import { ExitRequest } from '../exit-request.ts'
import { type GlobalOptions, globalOptions } from '../global-options.ts'
import { mixOption } from '../options/mix-option.ts'
import { addModelOptions, type ModelOptions } from '../options/model-options.ts'
import { parseDaemonThreads, parseMemory, parseRecipes } from '../options/parse.ts'
import { errorDocument, warningText } from '../render/error.ts'
import { errorColumns } from '../render/screen.ts'
import { programVersion } from '../version.ts'

interface StartOptions extends ModelOptions {
  readonly watch?: readonly string[]
  readonly type?: readonly Recipe[]
  readonly out?: string
  readonly mix?: string
  readonly foreground?: boolean
  readonly quietTime?: number
  readonly poll?: boolean
  readonly threads?: number
  readonly maxMemory?: number
  readonly reclaimSource?: boolean
  readonly yes?: boolean
  readonly redis?: string
  readonly redisPrefix?: string
  readonly redisCa?: string
  readonly redisPasswordFile?: string
  readonly listen?: string
  readonly tokenFile?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly lockTime?: number
  readonly sharedResults?: boolean
  readonly bullBoard?: boolean
}

export function daemonStartCommand(): Command {
  const command = new Command('start')
    .description('Start the daemon. It goes on with what an earlier one had not finished.')
    .option('--watch <dir>', 'convert every model that appears in this folder (repeatable)', collect)
    .option('--type <types>', 'types of watched models: Q3_K_M,Q2_K (default: Q4_K_M)', parseRecipes)
    .option('--out <dir>', "folder for watched models' files (default: the watched folder)")
    .addOption(mixOption('llama.cpp release whose choice of types is followed (default: latest)'))
    .option('--foreground', 'stay in this terminal, and log to it')
    .option('--quiet-time <seconds>', 'how long a download must have been still (default: 10)', parseSeconds)
    .option('--poll', 'look at watched folders by the clock: for network drives')
    .option('--threads <n>', 'worker threads (default: all processors; 0: none)', parseDaemonThreads)
    .option(
      '--max-memory <size>',
      'memory to use at the most, such as 512M (default: a quarter, up to 1G)',
      parseMemory,
    )
    .option('--reclaim-source', "delete each of a watched model's shards once it is converted and read back")
    .option('--yes', 'yes, delete them')
  return addScaleOutOptions(addModelOptions(command)).action(async (options: StartOptions) => {
    const global = globalOptions(command)
    const settings = rawSettings(options)
    if (options.foreground === true) await stayInForeground(settings, global)
    else await startInBackground(global)
  })
}

/** Options by which other machines take part; docs/workers.md. */
function addScaleOutOptions(command: Command): Command {
  return command
    .optionsGroup('Workers on other machines:')
    .option('--redis <url>', 'let workers take part, over this Redis: redis://HOST, rediss://HOST for TLS')
    .option('--listen <address>', 'HOST:PORT where workers reach this daemon')
    .option('--token-file <file>', 'token that workers must show ("mibera daemon token" makes it)')
    .option('--tls-cert <file>', 'certificate (PEM) of that address; needed unless it is 127.0.0.1')
    .option('--tls-key <file>', 'its key')
    .option('--redis-password-file <file>', "file with Redis's password")
    .option('--redis-ca <file>', "certificate (PEM) that Redis's own is signed by")
    .option('--redis-prefix <name>', 'what keys in Redis begin with (default: mibera)')
    .option('--lock-time <seconds>', 'how long a silent worker keeps its job (default: 30)', parseLockTime)
    .option('--shared-results', "let workers that see the output's folder write there")
    .option('--bull-board', 'show the queues in a browser, below /board of the address')
}

async function startInBackground({ stateDirectory, json, quiet }: GlobalOptions): Promise<void> {
  const { startDetached } = await import('../../daemon/start-daemon.ts')
  const [, script = '', ...words] = process.argv
  const options = ['--foreground', '--state-dir', stateDirectory]
  const { pid, trouble } = await startDetached(stateDirectory, [script, ...words, ...options])
  if (trouble !== undefined) process.stderr.write(warningText(trouble, errorColumns()))
  const warning = trouble === undefined ? {} : { warning: errorDocument(trouble).error }
  if (json) process.stdout.write(`${JSON.stringify({ pid, stateDirectory, ...warning }, null, 2)}\n`)
  else if (!quiet) process.stdout.write(`The daemon runs (process ${pid}). "mibera jobs status" shows what it does.\n`)
}

async function stayInForeground(settings: RawSettings, { stateDirectory, quiet }: GlobalOptions): Promise<void> {
  const { runDaemon } = await import('../../daemon/daemon-process.ts')
  const { isTrouble, logLine } = await import('../render/log-line.ts')
  // Started by `startDetached`: what it says is in the log.
  const detached = process.send !== undefined
  const echo = (line: string) => {
    if (!quiet || isTrouble(line)) process.stderr.write(logLine(line))
  }
  const status = await runDaemon(stateDirectory, settings, programVersion(), {
    ...(detached ? {} : { echo }),
    report: (report) => process.send?.(report, () => {}),
  })
  if (status !== 0) throw new ExitRequest(status)
}

/** @throws MiberaError USAGE where shards are to be deleted without a clear yes. */
export function rawSettings({ foreground: _, yes, override, type, ...settings }: StartOptions): RawSettings {
  if (settings.reclaimSource === true && yes !== true) {
    throw new MiberaError('USAGE', "--reclaim-source deletes the model's shards as they are converted", {
      subject: '--reclaim-source',
      hint: 'Add --yes if that is meant. Such a conversion cannot be restarted from zero without a new download.',
    })
  }
  return {
    ...settings,
    ...(type === undefined ? {} : { type: type.map(({ name }) => name) }),
    ...(override === undefined ? {} : { override: Object.fromEntries(override) }),
  }
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !(seconds >= 0 && seconds <= 86_400))
    throw new InvalidArgumentError('Give seconds from 0 to 86400.')
  return seconds
}

function parseLockTime(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 1 && seconds <= 3600)) throw new InvalidArgumentError('Give seconds from 1 to 3600.')
  return seconds
}
