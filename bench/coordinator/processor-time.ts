import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, whatever the kernel's own clock. */
const ticksPerSecond = 100

/** Seconds of the processor that a process has used. Linux only; NaN elsewhere. */
export interface ProcessorTime {
  /** Of its main thread: in Node, the event loop. */
  readonly loop: number
  /** Of all its threads. */
  readonly all: number
}

export function processorTime(pid: number): ProcessorTime {
  return { loop: secondsOf(`/proc/${pid}/task/${pid}/stat`), all: secondsOf(`/proc/${pid}/stat`) }
}

/** User and system time: fields 14 and 15; the second, a name in parentheses, may hold spaces. */
function secondsOf(path: string): number {
  if (process.platform !== 'linux') return Number.NaN
  const text = readFileSync(path, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}
