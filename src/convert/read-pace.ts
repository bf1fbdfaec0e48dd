/** Bytes per millisecond. Who reads faster than this has copied from the system's cache: there is no disk to wait for. */
const cachedPace = 2 ** 21
/** For the call, however little is read. */
const callMilliseconds = 0.5
/** Slices that are not tried after one that was slow; and at most, after one slow try after the other. */
const shortestPause = 4
const longestPause = 1024

/**
 * Whether files seem to be in the system's cache, judged by how long it took to read the slices that were tried. Each
 * slice that is too slow is followed by a pause twice as long as the one before: on a disk, the thread waits for all of
 * a slice that is tried. What a disk has read ahead is quick by chance, so quick ones shorten the next pause but slowly.
 */
export class ReadPace {
  #pause = 0
  #nextPause = shortestPause

  /** Asked once for each slice. */
  isCached(): boolean {
    if (this.#pause === 0) return true
    this.#pause--
    return false
  }

  /** How long it took to read a slice of which that was believed. */
  tell(bytes: number, milliseconds: number): void {
    if (milliseconds <= callMilliseconds + bytes / cachedPace) {
      this.#nextPause = Math.max(shortestPause, this.#nextPause - 1)
      return
    }
    this.#pause = this.#nextPause
    this.#nextPause = Math.min(longestPause, 2 * this.#nextPause)
  }
}
