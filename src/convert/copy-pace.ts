/** Bytes per millisecond. What is faster than this was copied in memory: there is no disk to wait for. */
const copyingPace = 2 ** 21
/**
 * Bytes per millisecond of what is waited for even where the system tells of no disk, as for a file on another machine.
 * Between the two, copying is slow because others use the memory, and would be slower still by way of another thread.
 */
const waitingPace = 2 ** 18
/** For the call, however little is read or written. */
const callMilliseconds = 0.5
/** Slices that are not tried after some that were slow; and at most, after one slow try after the other. */
const shortestPause = 4
const longestPause = 1024
/** What a slow try adds to the doubt; a quick one takes 1 away. */
const doubtOfOne = 3

export interface Copying {
  readonly bytes: number
  readonly milliseconds: number
  /** Whether a disk may have been read for it. */
  readonly ofDisk: boolean
}

/**
 * Whether reading a file, or writing it, seems to be copying only: from the system's cache, or into it. Judged by how
 * long it took for the slices that were tried. A single slow one may be the fault of whoever else uses the processor; a
 * second soon after it is followed by a pause, and each further one by a pause twice as long as the one before: on a
 * disk, the thread waits for all of a slice that is tried. What a disk has read ahead, or lets the system collect before
 * it writes, is quick by chance, so quick ones shorten the next pause but slowly.
 */
export class CopyPace {
  #doubt = 0
  #pause = 0
  #nextPause = shortestPause

  /** Asked once for each slice. */
  isCopying(): boolean {
    if (this.#pause === 0) return true
    this.#pause--
    return false
  }

  /** How long it took to read or write a slice of which that was believed. */
  tell({ bytes, milliseconds, ofDisk }: Copying): void {
    if (milliseconds <= callMilliseconds + bytes / (ofDisk ? copyingPace : waitingPace)) {
      this.#doubt = Math.max(0, this.#doubt - 1)
      this.#nextPause = Math.max(shortestPause, this.#nextPause - 1)
      return
    }
    this.#doubt += doubtOfOne
    if (this.#doubt <= doubtOfOne) return
    this.#doubt = doubtOfOne
    this.#pause = this.#nextPause
    this.#nextPause = Math.min(longestPause, 2 * this.#nextPause)
  }
}
