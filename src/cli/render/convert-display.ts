import { basename } from 'node:path'
import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { ConvertEvent } from '../../convert/events.ts'
import { Progress } from '../../convert/progress.ts'
import type { Plan } from '../../plan/plan.ts'
import { planSize } from '../../plan/plan-files.ts'
import type { GlobalOptions } from '../global-options.ts'
import type { MadeFile } from '../made-file.ts'
import { madeFileLines } from './made-file-lines.ts'
import { progressLine } from './progress-line.ts'
import { StatusLine } from './status-line.ts'

/** Time between two pictures of the bar, and between two plain lines where there is no terminal. */
const barMilliseconds = 100
const plainMilliseconds = 10_000

/** Shows a conversion on standard error: a bar on a terminal, otherwise a plain line every ten seconds. */
export class ConvertDisplay {
  readonly #plan: Plan
  readonly #output: string
  readonly #quiet: boolean
  readonly #progress: Progress
  readonly #status = new StatusLine(process.stderr)
  readonly #begun = performance.now()
  #drawn = performance.now()
  #stopping = false
  #bytesRead = 0

  constructor(plan: Plan, output: string, global: GlobalOptions) {
    this.#plan = plan
    this.#output = output
    this.#quiet = global.quiet
    this.#progress = new Progress(plan)
  }

  show(event: ConvertEvent): void {
    if (this.#quiet) return
    this.#progress.record(event, performance.now() / 1000)
    const line = this.#line(event)
    if (line !== undefined) this.#status.note(line)
    if (event.kind === 'slice') this.#draw(() => this.#making())
    if (event.kind === 'read-back') {
      this.#bytesRead += event.tensor.byteLength
      this.#draw(() => this.#readingBack())
    }
  }

  /** The first signal came: slices in hand are finished first. */
  stopping(): void {
    this.#stopping = true
    if (!this.#quiet) this.#status.note('Stopping after the slices in hand … (again to stop at once)')
  }

  stopped(): void {
    if (this.#quiet) return
    const percent = Math.floor(this.#progress.snapshot().fraction * 100)
    this.#status.note(`Stopped at ${percent} %. Run the same command again to go on from here.`)
  }

  published(files: readonly MadeFile[]): void {
    if (this.#quiet) return
    const took = formatDuration((performance.now() - this.#begun) / 1000)
    for (const line of madeFileLines(files, `, in ${took}`)) this.#status.note(line)
    const fallbackBytes = files.reduce((sum, { totals }) => sum + totals.fallbackBytes, 0)
    if (fallbackBytes > 0) {
      this.#status.note(
        `  ${formatBytes(fallbackBytes)} more than planned types, for rows they do not fit (see the report)`,
      )
    }
  }

  /** Takes the bar off the screen. */
  clear(): void {
    this.#status.clear()
  }

  /** The output's name; of several files their number, as none of them need have the name that they are named after. */
  #what(): string {
    const { files } = this.#plan
    return files.length === 1 ? basename(this.#output) : `${files.length} files`
  }

  /** The line that an event leaves on the screen, if it does. */
  #line(event: ConvertEvent): string | undefined {
    switch (event.kind) {
      case 'checking':
        return `Resuming: checking what is there of ${this.#what()} …`
      case 'discarded':
        return `${event.slices} slices of an earlier run will be made again: ${event.reason}`
      case 'begun':
        return this.#beginning(event)
      case 'reading-back':
        return this.#status.terminal
          ? undefined
          : this.#plan.files.length === 1
            ? 'Reading the file back …'
            : 'Reading the files back …'
      default:
        return undefined
    }
  }

  #draw(line: () => string): void {
    const now = performance.now()
    const interval = this.#status.terminal ? barMilliseconds : plainMilliseconds
    if (this.#stopping || now - this.#drawn < interval) return
    this.#drawn = now
    this.#status.draw(line())
  }

  #beginning({ doneSlices, threads }: Extract<ConvertEvent, { kind: 'begun' }>): string {
    const percent = Math.floor(this.#progress.snapshot().fraction * 100)
    const doing = doneSlices > 0 ? `Resuming at ${percent} %` : `Converting to ${this.#plan.recipe}`
    return `${doing}: ${formatBytes(planSize(this.#plan))} with ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  }

  #making(): string {
    return progressLine(this.#plan.recipe, this.#progress.snapshot(), this.#status.columns)
  }

  #readingBack(): string {
    const fraction = this.#bytesRead / planSize(this.#plan)
    return `reading back ${Math.floor(fraction * 100)} %`
  }
}
