import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { ProgressSnapshot } from '../../convert/progress.ts'
import { weightCount } from './weight-count.ts'

const widestBar = 30

/** "Q3_K_M ━━━━━━──── 61 %  4.2 / 6.9 GiB  182 M weights/s  1 min 20 s left", fitted into `columns`. */
export function progressLine(label: string, progress: ProgressSnapshot, columns: number): string {
  const percent = `${Math.floor(progress.fraction * 100)} %`.padStart(5)
  const bytes = `${formatBytes(progress.doneBytes)} of ${formatBytes(progress.totalBytes)}`
  const speed = Number.isFinite(progress.weightsPerSecond)
    ? `${weightCount(Math.round(progress.weightsPerSecond))}/s`
    : ''
  const left = Number.isFinite(progress.secondsLeft) ? `${formatDuration(progress.secondsLeft)} left` : ''
  const facts = [percent, bytes, speed, left].filter((fact) => fact !== '').join('  ')
  const room = Math.min(widestBar, columns - label.length - facts.length - 3)
  if (room < 5) return `${label} ${facts}`
  const filled = Math.round(room * progress.fraction)
  return `${label} ${'━'.repeat(filled)}${'─'.repeat(room - filled)} ${facts}`
}
