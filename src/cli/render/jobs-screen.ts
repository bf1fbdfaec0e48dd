import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { DaemonView, FolderView, JobView, ScaleOutView, Status } from '../../daemon/protocol.ts'
import { jobLines } from './job-lines.ts'
import { oneLine } from './one-line.ts'
import { workerLines } from './worker-lines.ts'
import { wrap } from './wrap.ts'

/** Lines of a usual terminal, its prompt left out. */
const screenLines = 23

/** How many of each kind are shown; the first of these that fits on the screen counts. */
const rooms: readonly Room[] = [
  { inLine: 6, folders: 4, workers: 5, ended: 3 },
  { inLine: 4, folders: 3, workers: 4, ended: 2 },
  { inLine: 3, folders: 2, workers: 3, ended: 1 },
  { inLine: 1, folders: 1, workers: 2, ended: 1 },
]

interface Room {
  readonly inLine: number
  readonly folders: number
  readonly workers: number
  readonly ended: number
}

const inWork: readonly JobView['state'][] = ['running', 'verifying']
const ended: readonly JobView['state'][] = ['done', 'failed', 'cancelled']

/** `mibera jobs status`: one screen of `columns` columns. */
export function jobsScreen(status: Status, stateDirectory: string, columns: number): string {
  const pictures = rooms.map((room) => picture(status, stateDirectory, columns, room))
  const lines = pictures.find((some) => some.length <= screenLines) ?? pictures.at(-1) ?? []
  return `${lines.join('\n')}\n`
}

function picture(status: Status, stateDirectory: string, columns: number, room: Room): string[] {
  const { daemon, jobs, folders, workers, counts, at } = status
  const working = jobs.filter(({ state }) => inWork.includes(state))
  const over = jobs.filter(({ state }) => ended.includes(state))
  const inLine = jobs.filter(({ state }) => !inWork.includes(state) && !ended.includes(state))
  const show = (some: readonly JobView[]) => some.flatMap((job) => jobLines(job, at, columns))
  const sections = [
    daemonLines(daemon, stateDirectory, columns),
    show(working),
    workerLines(workers, at, columns, room.workers),
    [
      ...show(inLine.slice(0, room.inLine)),
      ...more(counts.waiting + counts.queued + counts.paused, room.inLine, 'in line'),
    ],
    folderLines(folders, columns, room.folders),
    [...show(over.slice(0, room.ended)), ...more(counts.done + counts.failed + counts.cancelled, room.ended, 'ended')],
  ]
  const shown = sections.filter((lines) => lines.length > 0)
  if (jobs.length === 0 && folders.length === 0) shown.push(['No conversions yet.'])
  // An empty line between sections.
  return shown.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]))
}

function daemonLines(daemon: DaemonView | null, stateDirectory: string, columns: number): string[] {
  if (daemon === null) return wrap(`No daemon runs for ${stateDirectory}. "mibera daemon start" starts one.`, columns)
  const { threads, mostThreads, memory, pid, stopping, scaleOut } = daemon
  const available = memory.available === null ? '' : `, ${formatBytes(memory.available)} available`
  const short = threads < mostThreads ? ', short of memory' : ''
  const budget = `${formatBytes(memory.resident)} of ${formatBytes(memory.budget)}`
  const own = mostThreads === 0 ? 'no threads of its own' : `${threads} of ${mostThreads} threads${short}`
  const running = `Daemon ${pid}${stopping ? ' is stopping' : ''}: ${own}`
  return [...wrap(`${running}, memory ${budget}${available}`, columns), ...redisLines(scaleOut, columns)]
}

/** Said only where somebody may wonder why no worker does anything. */
function redisLines(scaleOut: ScaleOutView | null, columns: number): string[] {
  if (scaleOut === null || scaleOut.redisState === 'connected') return []
  const { redis, redisState } = scaleOut
  const text = {
    connecting: 'is being connected to',
    away: 'is away: workers get no jobs',
    refused: 'refuses the daemon: see its log',
  }
  return wrap(`Redis at ${redis} ${text[redisState]}`, columns)
}

function folderLines(folders: readonly FolderView[], columns: number, most: number): string[] {
  const waiting = folders.filter(({ state }) => state !== 'complete')
  const lines = waiting
    .slice(0, most)
    .flatMap((folder) => [
      oneLine(`Waiting for ${folder.path}`, columns),
      ...wrap(`    ${folderFacts(folder)}`, columns, ''),
    ])
  return [...lines, ...more(waiting.length, most, 'folders')]
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
