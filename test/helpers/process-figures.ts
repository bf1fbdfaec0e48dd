import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Why the figures of another process cannot be read here, or `undefined` if they can. */
export const noProcessFigures =
  process.platform === 'linux' ? undefined : `they are read from Linux's /proc, this is ${process.platform}`

/** Bytes of memory that a process holds at this moment. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** What a process has open: names of files; "socket", "pipe" and the like without their numbers. */
export function openHandles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`).replace(/:\[\d+\]$/, '')]
    } catch {
      // Closed since the list was read.
      return []
    }
  })
}

/** Threads of a process, those of its runtime included. */
export function threadCount(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length
}
