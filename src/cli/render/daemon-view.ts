import { join } from 'node:path'
import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { ScaleOutView, SettingsView, Status } from '../../daemon/protocol.ts'
import { table } from './table.ts'

/** `mibera daemon status` for a person. */
export function daemonText(stateDirectory: string, status?: Status, settings: SettingsView = {}): string {
  const daemon = status?.daemon
  if (status === undefined || daemon === null || daemon === undefined) return `No daemon runs for ${stateDirectory}.\n`
  const { pid, version, started, threads, mostThreads, memory, scaleOut } = daemon
  const available = memory.available === null ? 'not known' : formatBytes(memory.available)
  const facts = [
    ['daemon', `process ${pid}, version ${version}, for ${formatDuration((status.at - started) / 1000)}`],
    ['state', daemon.stateDirectory],
    ['logs', join(daemon.stateDirectory, 'logs')],
    ['threads', `${threads} of ${mostThreads}`],
    ['memory', `${formatBytes(memory.resident)} of ${formatBytes(memory.budget)}`],
    ['machine', `${available} available, threads are given up below ${formatBytes(memory.floor)}`],
    ['jobs', countsText(status.counts)],
    ...(scaleOut === null ? [] : scaleOutFacts(scaleOut, status.workers.length)),
  ]
  const rows = Object.entries(settings).map(([name, { value, source }]) => [name, source, valueText(name, value)])
  const lines = facts.map(([name = '', fact]) => `${name.padEnd(9)}${fact}`)
  return `${lines.join('\n')}\n\n${table(['setting', 'from', 'value'], rows, 'lll', 80)}\n`
}

function scaleOutFacts({ coordinator, redis, redisState }: ScaleOutView, workers: number): string[][] {
  return [
    ['redis', `${redis}, ${redisState}`],
    ['workers', `${workers}, at ${coordinator}`],
  ]
}

function countsText(counts: Status['counts']): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0)
  return some.length === 0 ? 'none' : some.map(([state, count]) => `${count} ${state}`).join(', ')
}

function valueText(name: string, value: unknown): string {
  if (name === 'maxMemory' || name === 'memoryFloor') return formatBytes(Number(value))
  if (name === 'quietTime' || name === 'lockTime') return `${value} s`
  if (value === null) return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(', ')
  if (typeof value === 'object')
    return (
      Object.entries(value)
        .map((pair) => pair.join('='))
        .join(', ') || '-'
    )
  return String(value)
}
