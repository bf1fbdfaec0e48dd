import { exitStatus } from '../base/error-codes.ts'
import type { MiberaError } from '../base/errors.ts'
import { explainSystemError } from '../base/system-error.ts'
import { toMiberaError } from '../jobs/reason.ts'
import { Daemon, type DaemonOptions } from './daemon.ts'
import { openLog } from './log.ts'
import { loadSettings, type RawSettings } from './settings.ts'

/** What a daemon tells whoever started it, over Node's channel between processes. */
export type StartReport =
  /** `trouble`: what it does without for the time being. */
  { readonly kind: 'ready'; readonly trouble?: Trouble } | ({ readonly kind: 'failed' } & Trouble)

/** An error, on its way between processes. */
export type Trouble = Pick<MiberaError, 'code' | 'message' | 'hint'>

export interface DaemonAudience {
  /** Is given each line of the log. */
  readonly echo?: (line: string) => void
  /** Is told once whether the daemon has started. */
  readonly report?: (report: StartReport) => void
}

/** The drain may take this long; a disk that syncs more slowly costs only what was not yet durable. */
const drainMilliseconds = 4500

/** Signals that end a daemon. SIGBREAK and SIGHUP are what Windows sends when its window closes. */
const stopSignals = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  ...(process.platform === 'win32' ? ['SIGBREAK' as const] : []),
] as const

/**
 * Is the daemon, until it is asked to stop. The first signal drains, the second cuts; both are resumable.
 * @returns the exit status.
 */
export async function runDaemon(
  stateDirectory: string,
  flags: RawSettings,
  version: string,
  { echo, report = () => {} }: DaemonAudience,
): Promise<number> {
  try {
    const settings = loadSettings(stateDirectory, flags)
    const log = await openLog(stateDirectory, settings.values.logLevel, echo)
    return await untilStopped({ stateDirectory, settings, version, log: log.log }, log.close, report)
  } catch (error) {
    report(failureOf(error))
    throw error
  }
}

async function untilStopped(
  options: Omit<DaemonOptions, 'onStopRequest'>,
  close: () => void,
  report: (report: StartReport) => void,
): Promise<number> {
  const { log } = options
  const stop = new AbortController()
  const daemon = new Daemon({ ...options, onStopRequest: () => stop.abort() })
  const cut = (why: string): never => {
    log.error(why)
    daemon.excuse()
    close()
    process.exit(exitStatus.interrupted)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) cut(`${signal} again: ending at once`)
    log.info(`${signal}: stopping after the slices in hand`)
    stop.abort()
  }
  const onCrash = (error: unknown) => {
    log.fatal({ err: error }, 'the daemon cannot go on')
    close()
    process.exit(exitStatus.internal)
  }
  for (const signal of stopSignals) process.on(signal, onSignal)
  process.on('uncaughtException', onCrash)
  process.on('unhandledRejection', onCrash)
  try {
    await daemon.start()
    const trouble = await daemon.trouble(stop.signal)
    report({ kind: 'ready', ...(trouble === undefined ? {} : { trouble: troubleOf(trouble) }) })
    if (!stop.signal.aborted) await stopRequested(stop.signal)
    const timer = setTimeout(() => cut(`not drained within ${drainMilliseconds} ms: ending at once`), drainMilliseconds)
    await daemon.stop()
    clearTimeout(timer)
    return 0
  } catch (error) {
    log.fatal({ err: error }, 'the daemon could not start')
    await daemon.stop()
    throw error
  } finally {
    close()
    for (const signal of stopSignals) process.off(signal, onSignal)
    process.off('uncaughtException', onCrash)
    process.off('unhandledRejection', onCrash)
  }
}

function stopRequested(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function failureOf(error: unknown): StartReport {
  return { kind: 'failed', ...troubleOf(toMiberaError(explainSystemError(error))) }
}

function troubleOf({ code, message, hint }: MiberaError): Trouble {
  return { code, message, hint }
}
