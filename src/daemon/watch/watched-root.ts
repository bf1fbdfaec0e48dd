import { realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { FSWatcher } from 'chokidar'
import { explainSystemError } from '../../base/system-error.ts'
import { watchFiles } from './file-events.ts'
import { findModelFolders } from './find-model-folders.ts'

export interface RootHandlers {
  onEvent(path: string): void
  onError(error: Error): void
}

/** A folder under which models are looked for. It may be missing, come and go. */
export class WatchedRoot {
  readonly path: string
  readonly #poll: boolean
  readonly #handlers: RootHandlers
  #files: FSWatcher | undefined
  /** Of the very folder that is watched: another one may get its name. */
  #identity = ''
  #stopped = false
  /** Why it could not be listed when last tried. */
  trouble: Error | undefined

  constructor(path: string, poll: boolean, handlers: RootHandlers) {
    this.path = resolve(path)
    this.#poll = poll
    this.#handlers = handlers
  }

  /** The model folders under it; none, and {@link trouble}, where it cannot be listed. */
  async sweep(): Promise<string[]> {
    try {
      const folders = await findModelFolders(this.path)
      await this.#watchFiles()
      this.trouble = undefined
      return folders
    } catch (error) {
      this.trouble = explainSystemError(error) as Error
      await this.#forgetFiles()
      return []
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#forgetFiles()
  }

  async #watchFiles(): Promise<void> {
    const real = await realpath(this.path)
    const { dev, ino } = await stat(real)
    const identity = `${real} ${dev} ${ino}`
    if (this.#files !== undefined && this.#identity === identity) return
    await this.#forgetFiles()
    if (this.#stopped) return
    this.#identity = identity
    this.#files = watchFiles(real, this.#poll, {
      // Told as if they came from the root as given, like the folders of a sweep.
      onEvent: (path) => this.#handlers.onEvent(this.path + path.slice(real.length)),
      onError: this.#handlers.onError,
    })
    // What came between the sweep and now has no event.
    this.#files.on('ready', () => this.#handlers.onEvent(this.path))
  }

  async #forgetFiles(): Promise<void> {
    const files = this.#files
    this.#files = undefined
    await files?.close()
  }
}
