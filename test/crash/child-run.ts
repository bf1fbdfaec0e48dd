import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { typescriptChild } from '../helpers/typescript-child.ts'

/** What {@link convert-child.ts} tells of an event. */
export interface ToldEvent {
  readonly kind: string
  readonly slices?: number
}

export interface ChildEnd {
  readonly events: readonly ToldEvent[]
  readonly killed: boolean
  readonly errors: string
}

const script = new URL('./convert-child.ts', import.meta.url)

/**
 * Runs one conversion in a process of its own, and kills it with SIGKILL when `killAt` says so of the events so far
 * (asked after each), or after `killAfter` milliseconds.
 */
export async function runChild(
  folder: string,
  output: string,
  kill: { readonly at?: (events: readonly ToldEvent[]) => boolean; readonly after?: number } = {},
): Promise<ChildEnd> {
  const child = spawn(process.execPath, typescriptChild(script, folder, output), { stdio: ['ignore', 'pipe', 'pipe'] })
  const events: ToldEvent[] = []
  const errors: string[] = []
  child.stderr.on('data', (text: Buffer) => errors.push(text.toString()))
  const timer = kill.after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), kill.after)
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => {
    events.push(JSON.parse(line) as ToldEvent)
    if (kill.at?.(events)) child.kill('SIGKILL')
  })
  const [signal] = await Promise.all([ended(child), new Promise((resolve) => lines.on('close', resolve))])
  clearTimeout(timer)
  return { events, killed: signal === 'SIGKILL', errors: errors.join('') }
}

function ended(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (_status, signal) => resolve(signal))
  })
}
