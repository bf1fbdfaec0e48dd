import { formatDuration } from '../../base/duration.ts'
import { MiberaError } from '../../base/errors.ts'
import { explainSystemError } from '../../base/system-error.ts'
import { type Completeness, examineFolder } from './completeness.ts'
import { contentDigest } from './content-digest.ts'
import { ShardPromises } from './shard-promises.ts'
import { TransferRate } from './transfer-rate.ts'
import type { CompleteFolder, WatchedFolder, WatchedState } from './watched-folder.ts'

/** Milliseconds until the next look where nothing calls for one earlier. */
const nextLook: Readonly<Record<WatchedState, number>> = {
  downloading: 1000,
  settling: 1000,
  unreadable: 5000,
  // File events tell of changes; this is for drives that send none.
  complete: 30_000,
}

/** A download at which nothing has come for so long is said to stand still. */
const stillAfterMs = 120_000

export interface Look {
  /** Whether {@link FolderWatch.view} has changed. */
  readonly changed: boolean
  /** Set by the look that finds the folder complete, again after every change. */
  readonly complete: CompleteFolder | undefined
  readonly nextMs: number
}

/** Follows one model folder from look to look. Looks must not overlap. */
export class FolderWatch {
  readonly #path: string
  readonly #quietMs: number
  readonly #now: () => number
  readonly #digest: typeof contentDigest
  readonly #promises = new ShardPromises()
  readonly #rate = new TransferRate()
  #signature = ''
  /** When the signature was first seen. */
  #since = 0
  /** Signature of a content that has a flaw which only other files can cure. */
  #flawed: string | undefined
  #gone = false
  #view: WatchedFolder

  /**
   * @param now milliseconds on a clock that never goes back
   * @param digest of the folder's content
   */
  constructor(path: string, quietMs: number, now: () => number, digest = contentDigest) {
    this.#digest = digest
    this.#path = path
    this.#quietMs = quietMs
    this.#now = now
    this.#view = viewOf(path, 'downloading', 'not looked at yet')
  }

  get view(): WatchedFolder {
    return this.#view
  }

  /** Whether there was no such folder at the last look. */
  get gone(): boolean {
    return this.#gone
  }

  /** Never throws for what the folder holds or does: it becomes "unreadable" with the reason. */
  async look(): Promise<Look> {
    const before = this.#view
    const complete = await this.#examine()
    const changed = JSON.stringify(before) !== JSON.stringify(this.#view)
    const { state } = this.#view
    const untilQuiet = Math.max(0, this.#since + this.#quietMs - this.#now())
    const nextMs = state === 'settling' ? Math.min(untilQuiet, nextLook.settling) : nextLook[state]
    return { changed, complete, nextMs }
  }

  async #examine(): Promise<CompleteFolder | undefined> {
    let found: Completeness
    try {
      found = await examineFolder(this.#path, this.#promises)
    } catch (error) {
      this.#fail(error)
      return undefined
    }
    this.#gone = false
    this.#notice(found.signature)
    this.#rate.add(this.#now() / 1000, found.doneBytes)
    if (!found.whole) this.#view = this.#unfinished(found)
    else if (this.#view.state === 'complete') return undefined
    else if (this.#quietFor() < this.#quietMs) this.#view = this.#settling(found)
    else return await this.#complete(found)
    return undefined
  }

  #notice(signature: string): void {
    if (signature === this.#signature) return
    this.#signature = signature
    this.#since = this.#now()
    if (this.#view.state === 'complete') this.#view = { ...this.#view, state: 'settling' }
  }

  #quietFor(): number {
    return this.#now() - this.#since
  }

  /** A flaw is one only once nobody is writing any more. */
  #unfinished(found: Completeness): WatchedFolder {
    const quiet = this.#quietFor()
    if (found.flaw !== undefined && quiet >= this.#quietMs) return this.#viewOf('unreadable', found.reason, found)
    const still = quiet < stillAfterMs ? '' : `; nothing has come for ${formatDuration(wholeMinutes(quiet))}`
    return this.#viewOf('downloading', found.reason + still, found)
  }

  #settling(found: Completeness): WatchedFolder {
    const reason = `${found.reason}; waits until nothing has changed for ${formatDuration(this.#quietMs / 1000)}`
    return this.#viewOf('settling', reason, found)
  }

  async #complete(found: Completeness): Promise<CompleteFolder | undefined> {
    // Its flaw is known, and nothing has changed since.
    if (this.#flawed === found.signature) return undefined
    try {
      const content = await this.#digest(this.#path)
      const after = await examineFolder(this.#path, this.#promises)
      this.#notice(after.signature)
      if (after.signature === found.signature) {
        this.#view = this.#viewOf('complete', 'complete', found)
        return { path: this.#path, content }
      }
      this.#view = this.#settling(found)
    } catch (error) {
      this.#fail(error)
      if (error instanceof MiberaError && !error.retry) this.#flawed = found.signature
    }
    return undefined
  }

  #fail(cause: unknown): void {
    const error = explainSystemError(cause)
    this.#gone = error instanceof MiberaError && error.code === 'MODEL_FOLDER_MISSING'
    // When it comes back it is looked at as if for the first time.
    if (this.#gone) this.#signature = ''
    const message = error instanceof Error ? error.message : String(error)
    this.#view = viewOf(this.#path, 'unreadable', this.#gone ? 'the folder is no longer there' : message)
  }

  #viewOf(state: WatchedState, reason: string, { doneBytes, totalBytes }: Completeness): WatchedFolder {
    const { bytesPerSecond } = this.#rate
    const left = state === 'downloading' && totalBytes !== undefined ? totalBytes - doneBytes : undefined
    const secondsLeft = left === undefined || bytesPerSecond <= 0 ? undefined : Math.max(0, left) / bytesPerSecond
    return { path: this.#path, state, reason, doneBytes, totalBytes, bytesPerSecond, secondsLeft }
  }
}

export function viewOf(path: string, state: WatchedState, reason: string): WatchedFolder {
  return { path, state, reason, doneBytes: 0, totalBytes: undefined, bytesPerSecond: 0, secondsLeft: undefined }
}

/** Seconds, so that the text does not change with every look. */
function wholeMinutes(milliseconds: number): number {
  return Math.floor(milliseconds / 60_000) * 60
}
