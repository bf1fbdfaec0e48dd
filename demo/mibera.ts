import { type ChildProcess, spawn } from 'node:child_process'
import { join, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { check } from './check.ts'
import type { Demo } from './workspace.ts'

/** The command line program as it ships. */
export const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

export interface RunOptions {
  /** Leaves lines of the output away; how many is told. Default: all are shown. */
  readonly shorten?: (lines: readonly string[]) => readonly string[]
  /** Is given the process while it runs. */
  readonly meanwhile?: (child: ChildProcess) => Promise<void>
}

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output and standard error, line by line as they came. */
  readonly lines: readonly string[]
}

/** Shows and runs a command line of mibera, which has to succeed. */
export async function mibera(demo: Demo, words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = await run(demo, words, options)
  check(ended.status === 0, `mibera ${words[0]} ends well (it ended with ${ended.signal ?? ended.status})`)
  return ended
}

/** Shows and runs a command line of mibera, however it ends. */
export async function run(demo: Demo, words: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { shorten = (all) => all, meanwhile } = options
  demo.say.command(`mibera ${words.join(' ')}`)
  const child = start(demo, words)
  const lines: string[] = []
  const closed = ending(child)
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => lines.push(line))
  const aside = meanwhile?.(child).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  const [{ status, signal }] = await Promise.all([closed, aside])
  const shown = status === 0 || signal !== null ? shorten(lines) : lines
  for (const line of shown) demo.say.line(line.replaceAll(join(demo.folder, sep), ''))
  if (shown.length < lines.length) demo.say.remark(`(${lines.length - shown.length} lines left out)`)
  return { status, signal, lines }
}

/** What a command line prints with `--json`, for the demo's own checks: run without being shown. */
export async function miberaJson<Document>(demo: Demo, words: readonly string[]): Promise<Document> {
  const child = start(demo, [...words, '--json'])
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.resume()
  const { status } = await ending(child)
  check(status === 0, `mibera ${words[0]} --json ends well (it ended with ${status})`)
  return JSON.parse(Buffer.concat(output).toString()) as Document
}

function start({ folder, stop }: Demo, words: readonly string[]) {
  return spawn(process.execPath, [program, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: stop,
    killSignal: 'SIGKILL',
  })
}

function ending(child: ChildProcess): Promise<Pick<Ended, 'status' | 'signal'>> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    child.on('error', (error) => {
      failure = error
      if (child.pid === undefined) reject(error)
    })
    // Not before it is gone: what it writes must not outlive the workspace.
    child.on('close', (status, signal) => (failure === undefined ? resolve({ status, signal }) : reject(failure)))
  })
}
