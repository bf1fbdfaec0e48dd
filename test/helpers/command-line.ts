import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const mainScript = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface CommandEnd {
  /** Exit status, or the signal that ended the process. */
  readonly status: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with all of standard output so far, whenever there is more. */
  readonly onStdout?: (text: string, child: ChildProcess) => void
  /** Called with all of standard error so far, whenever there is more. */
  readonly onStderr?: (text: string, child: ChildProcess) => void
  /** Called once the process has begun. */
  readonly onStart?: (child: ChildProcess) => void
}

/** Runs `mibera` as a person does: the built product in a process of its own. */
export function mibera(words: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  return run(process.execPath, [mainScript, ...words], options)
}

/** Runs a program to its end. */
export function run(program: string, words: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const settings: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } }
  if (options.cwd !== undefined) settings.cwd = options.cwd
  const child = spawn(program, words, settings)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    options.onStdout?.(stdout, child)
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    options.onStderr?.(stderr, child)
  })
  options.onStart?.(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => resolve({ status: status ?? signal ?? -1, stdout, stderr }))
  })
}
