import type { MiberaError } from '../base/errors.ts'

/** What becomes of a job whose run ended with an error. */
export type AfterFailure =
  | { readonly kind: 'fail' }
  /** Try again after so many milliseconds. */
  | { readonly kind: 'wait'; readonly milliseconds: number }
  /** Try again when so many bytes are free where the output goes, and not before so many milliseconds. */
  | { readonly kind: 'wait-for-disk'; readonly bytes: number; readonly milliseconds: number }

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Waits after the first, second, … failure in a row; the last one repeats. */
const backOff: readonly number[] = [5 * second, 15 * second, minute, 5 * minute, 15 * minute, hour]

/** Half a day of the last wait: what has not changed by then will not change without a person. */
const mostFailures = 18

/** A disk that fills again and again is not asked more often than this, however much appears free. */
const diskWaits: readonly number[] = [0, 5 * second, 15 * second]

/**
 * @param failures runs of the job that ended in an error without getting any further, this one included; at least 1.
 * @param needsDisk bytes that must be free for the job to go on, where the error is for want of disk.
 */
export function afterFailure(error: MiberaError, failures: number, needsDisk: number | undefined): AfterFailure {
  if (!error.retry) return { kind: 'fail' }
  if (error.code === 'DISK_TOO_SMALL' || error.code === 'DISK_FULL') {
    // It waits for room, not for luck: that is never given up.
    return { kind: 'wait-for-disk', bytes: needsDisk ?? 0, milliseconds: waitOf(diskWaits, failures) }
  }
  if (failures >= mostFailures) return { kind: 'fail' }
  return { kind: 'wait', milliseconds: waitOf(backOff, failures) }
}

function waitOf(waits: readonly number[], failures: number): number {
  return waits[Math.min(failures, waits.length) - 1] ?? 0
}
