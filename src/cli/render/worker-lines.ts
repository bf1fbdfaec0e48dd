import { formatDuration } from '../../base/duration.ts'
import type { WorkerView } from '../../daemon/protocol.ts'
import { oneLine } from './one-line.ts'
import { table } from './table.ts'
import { weightCount } from './weight-count.ts'

/** A worker that says nothing for so long (ms) is shown with the time since; it tells how it goes every few seconds. */
const silentMilliseconds = 10_000

/** Room for a worker's host name. */
const hostRoom = 16
const leastTensorRoom = 8

/**
 * What the workers do together, and a line for each of the busiest.
 * @param now milliseconds since the epoch.
 * @param most lines of single workers.
 */
export function workerLines(workers: readonly WorkerView[], now: number, columns: number, most: number): string[] {
  if (workers.length === 0) return []
  const speedOf = (worker: WorkerView) => (isSilent(worker, now) ? -1 : worker.weightsPerSecond)
  const shown = workers.toSorted((a, b) => speedOf(b) - speedOf(a)).slice(0, most)
  const hosts = shown.map(({ host }) => oneLine(host, hostRoom))
  const room = Math.max(...hosts.map((host) => host.length))
  const lines = shown.map((worker, index) => {
    return oneLine(`    ${(hosts[index] ?? '').padEnd(room)}  ${workerFacts(worker, now)}`, columns)
  })
  const rest = workers.length - shown.length
  return [
    oneLine(sumLine(workers, now), columns),
    ...lines,
    ...(rest > 0 ? [`    and ${rest} more ("mibera worker list")`] : []),
  ]
}

/** "Workers: 3 with 12 threads, 41.2 M weights/s": those that one can count on now. */
function sumLine(workers: readonly WorkerView[], now: number): string {
  const there = workers.filter((worker) => !worker.quarantined && !isSilent(worker, now))
  const threads = there.reduce((sum, worker) => sum + worker.threads, 0)
  const speed = there.reduce((sum, worker) => sum + worker.weightsPerSecond, 0)
  return `Workers: ${there.length} with ${threadsText(threads)}, ${weightCount(Math.round(speed))} weights/s`
}

function isSilent({ lastSeen }: WorkerView, now: number): boolean {
  return now - lastSeen > silentMilliseconds
}

function workerFacts(worker: WorkerView, now: number): string {
  const { threads, weightsPerSecond, tensor, quarantined, strikes, failures, lastSeen } = worker
  if (quarantined) return `in quarantine after ${strikes} wrong results`
  const facts = [threadsText(threads)]
  if (isSilent(worker, now)) facts.push(`silent for ${formatDuration((now - lastSeen) / 1000)}`)
  else facts.push(`${weightCount(Math.round(weightsPerSecond))} weights/s`, tensor ?? 'idle')
  if (strikes > 0) facts.push(`${strikes} wrong`)
  if (failures > 0) facts.push(`${failures} failed`)
  return facts.join(', ')
}

/** `mibera worker list`: a line for each, the tensor cut to what room there is. */
export function workersTable(workers: readonly WorkerView[], now: number, columns: number): string {
  if (workers.length === 0) return 'No workers.\n'
  const rows = workers.map((worker) => [
    oneLine(worker.host, hostRoom),
    String(worker.pid),
    worker.version,
    String(worker.threads),
    weightCount(Math.round(worker.weightsPerSecond)),
    String(worker.jobsDone),
    String(worker.failures),
    lastSeen(worker, now),
  ])
  const head = ['host', 'pid', 'version', 'thr', 'w/s', 'done', 'failed', 'seen']
  const lines = table(head, rows, 'lrlrrrrr').split('\n')
  const room = Math.max(leastTensorRoom, columns - (lines[0]?.length ?? 0) - 2)
  const tensors = ['tensor', ...workers.map(tensorText)]
  return `${lines.map((line, index) => `${line}  ${oneLine(tensors[index] ?? '', room)}`).join('\n')}\n`
}

function tensorText({ quarantined, tensor }: WorkerView): string {
  return quarantined ? 'in quarantine' : (tensor ?? '-')
}

/** How long ago a worker was heard of. */
function lastSeen({ lastSeen }: WorkerView, now: number): string {
  const seconds = Math.max(0, (now - lastSeen) / 1000)
  if (seconds < 60) return `${Math.round(seconds)} s`
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`
}

function threadsText(threads: number): string {
  return threads === 1 ? '1 thread' : `${threads} threads`
}
