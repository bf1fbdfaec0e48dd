import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import type { StartReport, Trouble } from './daemon-process.ts'

/** A daemon that has not reported by then is stuck. */
const startMilliseconds = 20_000
/** What the runtime itself says when it dies (out of memory, a native fault) is kept up to here. */
const longestCrashLog = 1024 * 1024

export interface StartedDaemon {
  readonly pid: number
  /** What it does without for the time being. */
  readonly trouble: MiberaError | undefined
}

/**
 * Starts a daemon that outlives this process, and returns when it answers.
 * @param words the command line that makes a process the daemon.
 * @throws MiberaError that the daemon itself could not start with.
 */
export async function startDetached(stateDirectory: string, words: readonly string[]): Promise<StartedDaemon> {
  const crashLog = openCrashLog(stateDirectory)
  const child = spawn(process.execPath, [...process.execArgv, ...words], {
    detached: true,
    windowsHide: true,
    stdio: ['ignore', crashLog.descriptor, crashLog.descriptor, 'ipc'],
  })
  closeSync(crashLog.descriptor)
  try {
    const report = await new Promise<StartReport>((resolve, reject) => {
      const timer = setTimeout(() => reject(stuck(crashLog.path)), startMilliseconds)
      child.once('message', (message) => resolve(message as StartReport))
      child.once('error', reject)
      child.once('exit', (status, signal) => reject(died(status ?? signal, crashLog.path)))
      child.once('message', () => clearTimeout(timer))
      child.once('exit', () => clearTimeout(timer))
    })
    if (report.kind === 'failed') throw errorOf(report)
    return { pid: child.pid ?? 0, trouble: report.trouble === undefined ? undefined : errorOf(report.trouble) }
  } finally {
    child.removeAllListeners()
    if (child.connected) child.disconnect()
    child.unref()
  }
}

function errorOf({ code, message, hint }: Trouble): MiberaError {
  return new MiberaError(code, message, { hint })
}

function openCrashLog(stateDirectory: string): { path: string; descriptor: number } {
  const folder = join(stateDirectory, 'logs')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'crash.log')
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return { path, descriptor: openSync(path, size > longestCrashLog ? 'w' : 'a') }
}

function died(status: number | string | null, crashLog: string): MiberaError {
  return new MiberaError('INTERNAL', `the daemon ended while it started (${status})`, { hint: `See ${crashLog}.` })
}

function stuck(crashLog: string): MiberaError {
  return new MiberaError('INTERNAL', `the daemon has not started within ${startMilliseconds / 1000} s`, {
    hint: `See ${crashLog} and "mibera daemon logs".`,
  })
}
