import { sep } from 'node:path'
import { cacheEntryOf } from './companions.ts'
import { FolderWatch, viewOf } from './folder-watch.ts'
import { Repeated } from './repeated.ts'
import { Turns } from './turns.ts'
import type { CompleteFolder, WatchedFolder } from './watched-folder.ts'
import { WatchedRoot } from './watched-root.ts'

/** Events come in bursts: what they call for happens once, so long after the first. */
const gatherMs = 150

/** Shortest time between two regular sweeps of a root; they take up at most a twentieth of the time. */
const sweepMs = 5000
const sweepShare = 20

/** Time between two sweeps of a root that cannot be listed: so long it takes to notice that a drive is back. */
const troubledSweepMs = 2000

/** Folders under the same root looked at in the same moment: a thousand of them must not use up the open files. */
const looksAtOnce = 4

/** How long a folder that is gone, or holds no model any more, is still listed. */
const goneForMs = 600_000

export interface WatcherOptions {
  /** Folders to look for models in, themselves included; they may come later. */
  readonly roots: readonly string[]
  /** How long nothing may have changed in a folder before it counts as complete. */
  readonly quietMs: number
  /** Ask the file system again and again instead of relying on its events, as network drives need. */
  readonly poll: boolean
  /**
   * A folder is complete: when it is first seen so, and again after every change, also where the content is the same
   * as before; whoever is told compares {@link CompleteFolder.content}.
   */
  onComplete(folder: CompleteFolder): void
  /** {@link Watcher.folders} has something new. */
  onChange(): void
  /** Trouble of the file system's events, as too many watches; the watching goes on more slowly without them. */
  onTrouble?(error: Error): void
}

interface Followed {
  readonly watch: FolderWatch
  /** Path whose events concern it: of a snapshot in a cache, the whole cache entry. */
  readonly scope: string
  readonly looks: Repeated
  /** Since when no sweep has found it. */
  missingSince: number | undefined
}

interface Swept {
  readonly root: WatchedRoot
  readonly sweeps: Repeated
  /** Of its own, so that a drive that does not answer holds up no other. */
  readonly turns: Turns
  found: readonly string[]
}

/** Watches folders for models whose download becomes complete. Reads headers and samples, writes nothing. */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #roots: readonly Swept[]
  readonly #followed = new Map<string, Followed>()
  #state: 'new' | 'running' | 'stopped' = 'new'

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#roots = options.roots.map((path) => this.#rootOf(path))
  }

  /** Returns at once: a slow drive must not hold up whoever starts it. What is there is told by and by. */
  async start(): Promise<void> {
    if (this.#state !== 'new') return
    this.#state = 'running'
    for (const { sweeps } of this.#roots) sweeps.within(0)
  }

  /** After it was called nothing is told any more. Safe to call twice, and before `start`. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    for (const { sweeps } of this.#roots) sweeps.stop()
    for (const { looks } of this.#followed.values()) looks.stop()
    await Promise.all(this.#roots.map(({ root }) => root.stop()))
  }

  /** Model folders by path, and roots that cannot be listed. */
  folders(): readonly WatchedFolder[] {
    const roots = this.#roots.flatMap(({ root: { path, trouble } }) => {
      const isListed = trouble === undefined || this.#followed.has(path)
      return isListed ? [] : [viewOf(path, 'unreadable', trouble.message)]
    })
    const folders = [...this.#followed.values()].map(({ watch }) => watch.view)
    return [...roots, ...folders].toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  }

  #rootOf(path: string): Swept {
    const root = new WatchedRoot(path, this.#options.poll, {
      onEvent: (event) => this.#handleEvent(swept, event),
      onError: (error) => this.#options.onTrouble?.(error),
    })
    const sweeps = new Repeated(() => this.#sweep(swept))
    const swept: Swept = { root, sweeps, turns: new Turns(looksAtOnce), found: [] }
    return swept
  }

  #handleEvent({ sweeps }: Swept, path: string): void {
    let known = false
    for (const { scope, looks } of this.#followed.values()) {
      if (path !== scope && !path.startsWith(scope + sep)) continue
      known = path !== scope
      looks.within(gatherMs)
    }
    // A new folder, or a folder inside a model's, may be one too.
    if (!known) sweeps.within(gatherMs)
  }

  async #sweep(swept: Swept): Promise<number> {
    const begun = performance.now()
    const before = swept.root.trouble?.message
    swept.found = await swept.root.sweep()
    if (this.#state !== 'running') return sweepMs
    const gaveUp = this.#follow(swept)
    if (gaveUp || swept.root.trouble?.message !== before) this.#options.onChange()
    if (swept.root.trouble !== undefined) return troubledSweepMs
    return Math.max(sweepMs, sweepShare * (performance.now() - begun))
  }

  /** Returns whether a folder was given up; a new one is told of after its first look. */
  #follow({ found: foundNow, turns }: Swept): boolean {
    for (const path of foundNow) if (!this.#followed.has(path)) this.#begin(path, turns)
    const found = new Set(this.#roots.flatMap((swept) => swept.found))
    let gaveUp = false
    for (const [path, followed] of this.#followed) {
      if (found.has(path)) followed.missingSince = undefined
      else gaveUp = this.#miss(path, followed) || gaveUp
    }
    return gaveUp
  }

  #miss(path: string, followed: Followed): boolean {
    const now = performance.now()
    if (followed.missingSince === undefined) followed.looks.within(0)
    followed.missingSince ??= now
    // A snapshot that is no longer the main one is not gone: it was replaced by another.
    const replaced = cacheEntryOf(path) !== undefined
    // One that is there and may not be read stays listed until somebody sees to it.
    const isForbidden = followed.watch.view.state === 'unreadable' && !followed.watch.gone
    if (!replaced && (isForbidden || now - followed.missingSince < goneForMs)) return false
    followed.looks.stop()
    return this.#followed.delete(path)
  }

  #begin(path: string, turns: Turns): void {
    const watch = new FolderWatch(path, this.#options.quietMs, () => performance.now())
    const looks = new Repeated(() => this.#look(path, watch, turns))
    this.#followed.set(path, { watch, scope: cacheEntryOf(path) ?? path, looks, missingSince: undefined })
    looks.within(0)
  }

  async #look(path: string, watch: FolderWatch, turns: Turns): Promise<number> {
    const { changed, complete, nextMs } = await turns.run(() => watch.look())
    if (this.#state !== 'running' || this.#followed.get(path)?.watch !== watch) return nextMs
    if (changed) this.#options.onChange()
    if (complete !== undefined) this.#options.onComplete(complete)
    return nextMs
  }
}
