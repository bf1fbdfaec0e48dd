import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { DaemonView, FolderView, JobView, Status } from '../../daemon/protocol.ts'
import { jobLines } from './job-lines.ts'
import { oneLine } from './one-line.ts'
import { wrap } from './wrap.ts'

/** How many of each kind a screen of 24 lines has room for. */
const shownInLine = 6
const shownEnded = 3
const shownFolders = 4

const inWork: readonly JobView['state'][] = ['running', 'verifying']
const ended: readonly JobView['state'][] = ['done', 'failed', 'cancelled']

/** `mibera jobs status`: one screen of `columns` columns. */
export function jobsScreen(status: Status, stateDirectory: string, columns: number): string {
  const { daemon, jobs, folders, counts, at } = status
  const working = jobs.filter(({ state }) => inWork.includes(state))
  const over = jobs.filter(({ state }) => ended.includes(state))
  const inLine = jobs.filter(({ state }) => !inWork.includes(state) && !ended.includes(state))
  const show = (some: readonly JobView[]) => some.flatMap((job) => jobLines(job, at, columns))
  const sections = [
    daemonLines(daemon, stateDirectory, columns),
    show(working),
    [
      ...show(inLine.slice(0, shownInLine)),
      ...more(counts.waiting + counts.queued + counts.paused, shownInLine, 'in line'),
    ],
    folderLines(folders, columns),
    [...show(over.slice(0, shownEnded)), ...more(counts.done + counts.failed + counts.cancelled, shownEnded, 'ended')],
  ]
  const shown = sections.filter((lines) => lines.length > 0)
  if (jobs.length === 0 && folders.length === 0) shown.push(['No conversions yet.'])
  return `${shown.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function daemonLines(daemon: DaemonView | null, stateDirectory: string, columns: number): string[] {
  if (daemon === null) return wrap(`No daemon runs for ${stateDirectory}. "mibera daemon start" starts one.`, columns)
  const { threads, mostThreads, memory, pid, stopping } = daemon
  const available = memory.available === null ? '' : `, ${formatBytes(memory.available)} available`
  const short = threads < mostThreads ? ', short of memory' : ''
  const budget = `${formatBytes(memory.resident)} of ${formatBytes(memory.budget)}`
  const running = `Daemon ${pid}${stopping ? ' is stopping' : ''}: ${threads} of ${mostThreads} threads${short}`
  return wrap(`${running}, memory ${budget}${available}`, columns)
}

function folderLines(folders: readonly FolderView[], columns: number): string[] {
  const waiting = folders.filter(({ state }) => state !== 'complete')
  const lines = waiting
    .slice(0, shownFolders)
    .flatMap((folder) => [
      oneLine(`Waiting for ${folder.path}`, columns),
      ...wrap(`    ${folderFacts(folder)}`, columns, ''),
    ])
  return [...lines, ...more(waiting.length, shownFolders, 'folders')]
}

function folderFacts({ reason, doneBytes, totalBytes, bytesPerSecond, secondsLeft }: FolderView): string {
  const facts = [reason]
  if (totalBytes !== null) facts.push(`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`)
  if (bytesPerSecond !== null && bytesPerSecond > 0) facts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`)
  if (secondsLeft !== null) facts.push(`${formatDuration(secondsLeft)} left`)
  return facts.join(', ')
}

function more(all: number, shown: number, what: string): string[] {
  return all > shown ? [`and ${all - shown} more ${what} ("mibera jobs list")`] : []
}
