/** What the listener allows of transfers: sizes in bytes, times in milliseconds. */
export interface TransferLimits {
  /** Slices that are being received, and checked, hold no more than this together. */
  readonly received: number
  /** Buffers of source bytes that are being sent hold no more than this together. */
  readonly sent: number
  /** Transfers that wait for their turn. */
  readonly waiting: number
  /** A turn that has not come by then is given up: the worker asks again. */
  readonly turnMilliseconds: number
  /** A connection on which nothing moves in the middle of a transfer. */
  readonly stillMilliseconds: number
}

const mebibyte = 2 ** 20

/**
 * A slice is at most 4 MiB (F32), mostly below one: some dozens are on their way at a time, enough for 10 Gbit/s. What
 * is checked as a whole is held a second time, for the thread that checks it.
 */
export const usualLimits: TransferLimits = {
  received: 32 * mebibyte,
  sent: 16 * mebibyte,
  waiting: 4096,
  turnMilliseconds: 30_000,
  stillMilliseconds: 20_000,
}
