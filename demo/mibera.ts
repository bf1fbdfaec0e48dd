import { spawn } from 'node:child_process'
import { join, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { check } from './check.ts'
import { program } from './program.ts'
import { columns } from './say.ts'
import { type Demo, names } from './workspace.ts'

export interface RunOptions {
  /** Leaves lines of the output away; how many is told. Default: all are shown. */
  readonly shorten?: (lines: readonly string[]) => readonly string[]
  /** Goes on when the demo is interrupted, until its own end. Default false: then it is killed. */
  readonly toTheEnd?: boolean
}

interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output and standard error, line by line as they came. */
  readonly lines: readonly string[]
}

/** Shows and runs a command line of mibera, which has to succeed. @returns its lines. */
export async function mibera(
  demo: Demo,
  words: readonly string[],
  options: RunOptions = {},
): Promise<readonly string[]> {
  showCommand(demo, words)
  const { status, signal, lines } = await run(demo, words, options.toTheEnd)
  const { shorten = (all) => all } = options
  const shown = status === 0 ? shorten(lines) : lines
  showLines(demo, shown)
  if (shown.length < lines.length) demo.say.remark(`(${lines.length - shown.length} lines left out)`)
  check(status === 0, `mibera ${words[0]} ends well (it ended with ${signal ?? status})`)
  return lines
}

/** What a command line prints with `--json`, for the demo's own checks: run without being shown. */
export async function miberaJson<Document>(demo: Demo, words: readonly string[]): Promise<Document> {
  const { status, lines } = await run(demo, [...words, '--json'])
  check(status === 0, `mibera ${words.join(' ')} --json ends well (it ended with ${status})`)
  return JSON.parse(lines.join('\n')) as Document
}

export function showCommand({ say }: Demo, words: readonly string[]): void {
  say.command(`mibera ${words.join(' ')}`)
}

/** Shows what a command printed, with paths as from the demo's folder. */
export function showLines({ folder, say }: Demo, lines: readonly string[]): void {
  const shown = lines.map((line) => line.replaceAll(join(folder, sep), ''))
  for (const line of shown) say.line(line)
  const widest = Math.max(0, ...shown.map((line) => [...line].length))
  check(widest <= columns, `what is printed fits ${columns} columns (it takes ${widest})`)
}

/** Runs a command line of mibera, however it ends, without showing it. */
export async function run({ folder, stop }: Demo, words: readonly string[], toTheEnd = false): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...words], {
    cwd: folder,
    env: environment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C is sent to the whole group of a terminal's processes.
    ...(toTheEnd ? { detached: process.platform !== 'win32' } : { signal: stop, killSignal: 'SIGKILL' as const }),
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => lines.push(line))
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    child.on('error', (error) => {
      failure = error
      if (child.pid === undefined) reject(error)
    })
    // Not before it is gone: what it writes must not outlive the workspace.
    child.on('close', (status, signal) =>
      failure === undefined ? resolve({ status, signal, lines }) : reject(failure),
    )
  })
}

/** Without the user's own settings of mibera. */
function environment(folder: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.toUpperCase().startsWith('MIBERA_'))
  return { ...Object.fromEntries(others), MIBERA_STATE_DIR: join(folder, names.state) }
}
