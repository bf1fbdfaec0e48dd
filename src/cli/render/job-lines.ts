import { basename } from 'node:path'
import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { JobView, LiveView } from '../../daemon/protocol.ts'
import { oneLine } from './one-line.ts'
import { progressLine } from './progress-line.ts'
import { weightCount } from './weight-count.ts'
import { wrap } from './wrap.ts'

/** Room for "#1234 " before what is told of a job, and the margin of the lines below. */
const margin = '      '

/**
 * One job as it is now: its name and state, and below them what matters in that state.
 * @param now milliseconds since the epoch.
 */
export function jobLines(job: JobView, now: number, columns: number): string[] {
  const facts = jobFacts(job, now, columns - margin.length)
  return [titleLine(job, columns), ...facts.map((line) => margin + line)]
}

/** "#12   mibera-v1-merged-Q3_K_M.gguf                  running" */
function titleLine(job: JobView, columns: number): string {
  const number = `#${job.id}`.padEnd(margin.length - 1)
  const room = columns - number.length - job.state.length - 3
  return `${number} ${oneLine(jobName(job), room).padEnd(room)}  ${job.state}`
}

/** Of several types none has the name of the output, which theirs are made of. */
function jobName({ output, recipe }: JobView): string {
  return recipe.includes(',') ? `${basename(output)} (${recipe})` : basename(output)
}

function jobFacts(job: JobView, now: number, columns: number): string[] {
  switch (job.state) {
    case 'running':
    case 'verifying':
      return workFacts(job, columns)
    case 'waiting':
      return [...reasonLines(job, columns), ...waitFacts(job, now)]
    case 'failed':
      return reasonLines(job, columns)
    case 'paused':
      return [`at ${percent(job)}; "mibera jobs resume ${job.id}" goes on`]
    case 'queued':
      return job.fraction > 0 ? [`at ${percent(job)}`] : []
    case 'done':
      return [doneFacts(job)]
    case 'cancelled':
      return []
  }
}

function workFacts({ live, fraction, doneBytes, totalBytes }: JobView, columns: number): string[] {
  const speed = { weightsPerSecond: Number.NaN, secondsLeft: live?.secondsLeft ?? Number.NaN }
  const bar = progressLine('', { fraction, doneBytes, totalBytes, ...speed }, columns).trimStart()
  // Before it was begun for the first time there is nothing to be far with.
  const bars = totalBytes === 0 ? [] : [bar]
  return live === null ? bars : [...bars, speedFacts(live), ...tensorFacts(live, columns)]
}

function speedFacts({ phase, threads, weightsPerSecond, bytesPerSecond }: LiveView): string {
  const facts = [phaseNames[phase]]
  if (phase === 'converting') facts.push(threadsText(threads))
  if (weightsPerSecond !== null) facts.push(`${weightCount(Math.round(weightsPerSecond))} weights/s`)
  if (bytesPerSecond !== null) facts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`)
  return facts.join(', ')
}

function threadsText(threads: number): string {
  if (threads === 0) return 'by workers only'
  return threads === 1 ? '1 thread' : `${threads} threads`
}

const phaseNames: Readonly<Record<LiveView['phase'], string>> = {
  opening: 'looking at the model',
  checking: 'checking what an earlier run left',
  converting: 'converting',
  'reading-back': 'reading the file back',
  publishing: 'giving the file its name',
}

function tensorFacts({ tensor }: LiveView, columns: number): string[] {
  if (tensor === null) return []
  const { name, type, position, count } = tensor
  return [oneLine(`tensor ${position} of ${count}: ${name} → ${type}`, columns)]
}

function reasonLines({ reason }: JobView, columns: number): string[] {
  if (reason === null) return []
  const lines = wrap(`${reason.message} (${reason.code})`, columns, '')
  return reason.hint === undefined ? lines : [...lines, ...wrap(reason.hint, columns, '')]
}

function waitFacts({ needsDisk, notBefore }: JobView, now: number): string[] {
  if (needsDisk !== null) return [`goes on by itself when ${formatBytes(needsDisk)} are free`]
  if (notBefore === null || notBefore <= now) return []
  return [`tries again in ${formatDuration((notBefore - now) / 1000)}`]
}

function doneFacts({ totalBytes, started, ended }: JobView): string {
  const took = started === null || ended === null ? '' : ` in ${formatDuration((ended - started) / 1000)}`
  return `${formatBytes(totalBytes)}, read back and verified${took}`
}

function percent({ fraction }: JobView): string {
  return `${Math.floor(fraction * 100)} %`
}
