import { type FSWatcher, watch } from 'node:fs'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { systemCode } from '../../base/errors.ts'
import { globalOptions } from '../global-options.ts'
import { parseLines } from '../options/parse.ts'
import { logLine } from '../render/log-line.ts'

interface LogsOptions {
  readonly follow?: boolean
  readonly lines: number
}

/** Events of the file system are not certain everywhere: a follower looks at least this often. */
const lookMilliseconds = 1000

export function daemonLogsCommand(): Command {
  const command = new Command('logs')
    .description("Print the end of the daemon's log; with --json as it is kept, one object in a line.")
    .option('-f, --follow', 'go on with what is added')
    .option('-n, --lines <n>', 'how many lines of what is there', parseLines, 50)
  return command.action(async ({ follow, lines }: LogsOptions) => {
    const { stateDirectory, json } = globalOptions(command)
    const folder = join(stateDirectory, 'logs')
    const print = (line: string) => process.stdout.write(json ? `${line}\n` : logLine(line))
    const end = await printEnd(folder, lines, print)
    if (follow === true) await followLog(folder, end, print)
  })
}

/** Where a reader of the log is: the number of its file, and bytes read of that. */
interface Position {
  readonly file: number
  readonly offset: number
}

async function printEnd(folder: string, count: number, print: (line: string) => void): Promise<Position> {
  const files = await logFiles(folder)
  const last: string[] = []
  let position: Position = { file: files.at(-1) ?? 1, offset: 0 }
  for (const file of files.toReversed()) {
    const content = await readFile(pathOf(folder, file))
    const complete = content.subarray(0, content.lastIndexOf(0x0a) + 1)
    if (file === position.file) position = { file, offset: complete.length }
    last.unshift(...complete.toString('utf8').split('\n').slice(0, -1))
    if (last.length >= count) break
  }
  for (const line of count === 0 ? [] : last.slice(-count)) print(line)
  return position
}

/** Prints what is added, from file to file, until the process is ended. */
async function followLog(folder: string, from: Position, print: (line: string) => void): Promise<never> {
  let position = from
  for (;;) {
    position = await printFrom(folder, position, print)
    const [next] = (await logFiles(folder)).filter((file) => file > position.file)
    if (next !== undefined) position = { file: next, offset: 0 }
    else await change(folder)
  }
}

async function printFrom(folder: string, { file, offset }: Position, print: (line: string) => void): Promise<Position> {
  const path = pathOf(folder, file)
  const size = (await stat(path).catch(() => undefined))?.size ?? 0
  if (size <= offset) return { file, offset }
  const handle = await open(path, 'r')
  try {
    const added = Buffer.alloc(size - offset)
    const { bytesRead } = await handle.read(added, 0, added.length, offset)
    const complete = added.subarray(0, added.subarray(0, bytesRead).lastIndexOf(0x0a) + 1)
    for (const line of complete.toString('utf8').split('\n').slice(0, -1)) print(line)
    return { file, offset: offset + complete.length }
  } finally {
    await handle.close()
  }
}

/** Resolves when something has changed in the folder, or after a second. */
function change(folder: string): Promise<void> {
  return new Promise((resolve) => {
    let watcher: FSWatcher | undefined
    const timer = setTimeout(end, lookMilliseconds)
    function end(): void {
      clearTimeout(timer)
      watcher?.close()
      resolve()
    }
    try {
      watcher = watch(folder, end)
      watcher.on('error', () => {})
    } catch {
      // The folder is not there yet: the timer looks again.
    }
  })
}

/** Numbers of the log's files, the oldest first. */
async function logFiles(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  })
  const numbers = names.map((name) => Number(/^daemon\.(\d+)\.log$/.exec(name)?.[1] ?? 0))
  return numbers.filter((number) => number > 0).toSorted((a, b) => a - b)
}

function pathOf(folder: string, file: number): string {
  return join(folder, `daemon.${file}.log`)
}
