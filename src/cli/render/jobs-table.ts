import { basename } from 'node:path'
import { formatDuration } from '../../base/duration.ts'
import type { EventView, JobDetails, JobView } from '../../daemon/protocol.ts'
import { jobLines } from './job-lines.ts'
import { table } from './table.ts'
import { wrap } from './wrap.ts'

/** `mibera jobs list`: a line for each job. */
export function jobsTable(jobs: readonly JobView[], columns: number): string {
  if (jobs.length === 0) return 'No jobs.\n'
  const rows = jobs.map(({ id, state, fraction, recipe, started, ended, output }) => [
    String(id),
    state,
    `${Math.floor(fraction * 100)} %`,
    recipe,
    started === null || ended === null ? '' : formatDuration((ended - started) / 1000),
    basename(output),
  ])
  return `${table(['id', 'state', 'done', 'type', 'took', 'file'], rows, 'rlrlll', columns)}\n`
}

/** `mibera jobs show ID`: all that is known of one job. */
export function jobText({ job, files, tensors, events }: JobDetails, now: number, columns: number): string {
  const done = tensors.filter(({ state }) => state === 'done').length
  const facts = [
    ['model', job.model],
    ...files.map((file, index) => [index === 0 ? 'output' : '', file]),
    ['type', `${job.recipe}, mix ${job.mix}`],
    ['asked by', job.origin === 'watcher' ? 'the watcher' : 'a person'],
    ['attempts', String(job.attempts)],
    ['tensors', tensors.length === 0 ? 'none begun' : `${tensors.length} begun, ${done} done`],
    ...tensors
      .filter(({ deaths }) => deaths > 0)
      .map(({ name, deaths }) => ['deaths', `${deaths} while ${name} was in work`]),
  ]
  const lines = [
    ...jobLines(job, now, columns),
    '',
    ...facts.flatMap(([name = '', fact = '']) => wrap(`${name.padEnd(10)}${fact}`, columns, ' '.repeat(10))),
    '',
    ...events.flatMap((event) => wrap(eventLine(event), columns, ' '.repeat(22))),
  ]
  return `${lines.join('\n')}\n`
}

/** "2026-11-22 22:41:03Z  queued → running" */
export function eventLine({ at, kind, detail }: EventView): string {
  const time = new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
  if (kind === 'moved')
    return `${time}  ${detail.from} → ${detail.to}${detail.reason === undefined ? '' : `:${detailText({ reason: detail.reason })}`}`
  return `${time}  ${kind}${detailText(detail)}`
}

function detailText(detail: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(detail).map(([name, value]) => {
    if (name === 'reason' && isObject(value) && 'message' in value) return String(value.message)
    return `${name} ${valueText(value)}`
  })
  return words.length === 0 ? '' : ` ${words.join(', ')}`
}

/** `[{name: 'output.weight', deaths: 1}]` → "output.weight (deaths 1)" */
function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(valueText).join(', ')
  if (!isObject(value)) return String(value)
  const { name, ...others } = value
  const facts = Object.entries(others).map(([key, other]) => `${key} ${valueText(other)}`)
  return name === undefined ? facts.join(', ') : `${name} (${facts.join(', ')})`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object'
}
