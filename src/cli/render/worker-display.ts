import { formatBytes } from '../../base/byte-count.ts'
import type { MiberaError } from '../../base/errors.ts'
import type { OpenedConversion, WorkerEvent } from '../../worker/events.ts'
import { StatusLine } from './status-line.ts'

const drawMilliseconds = 200

/**
 * Shows on standard error how it goes with a worker: one line for each event, and on a terminal the slices made. Quiet,
 * only what keeps it from working.
 */
export class WorkerDisplay {
  readonly #quiet: boolean
  readonly #status = new StatusLine(process.stderr)
  #slices = 0
  #drawn = 0
  #stopping = false

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  show(event: WorkerEvent): void {
    if (this.#quiet && event.kind !== 'trouble') return
    if (event.kind === 'slice') {
      this.#slices++
      this.#draw(event.tensor)
    } else {
      this.#status.say(lineOf(event))
    }
  }

  /** The first signal came. */
  stopping(): void {
    this.#stopping = true
    if (!this.#quiet) this.#status.note('Stopping after the slices in hand … (again to stop at once)')
  }

  end(): void {
    if (!this.#quiet) this.#status.note(`Stopped. ${slicesText(this.#slices)} made here.`)
  }

  /** Takes the line off the screen. */
  clear(): void {
    this.#status.clear()
  }

  #draw(tensor: string): void {
    const now = performance.now()
    if (!this.#status.terminal || this.#stopping || now - this.#drawn < drawMilliseconds) return
    this.#drawn = now
    this.#status.draw(`${slicesText(this.#slices)} made, now ${harmless(tensor)}`)
  }
}

function lineOf(event: Exclude<WorkerEvent, { kind: 'slice' }>): string {
  switch (event.kind) {
    case 'waiting':
      return `Waiting for ${event.topic === 'redis' ? 'Redis' : 'the coordinator'} at ${event.address} …`
    case 'joined':
      return `Working for ${event.coordinator} with ${threadsText(event.threads)}`
    case 'opened':
      return openedText(event)
    case 'trouble':
      return troubleText(event.error)
    case 'trouble-over':
      return event.topic === 'redis' ? 'Redis answers again' : 'The coordinator answers again'
    case 'job-failed': {
      const before = event.before === 0 ? '' : ` (and ${event.before} more like it since the last such line)`
      return `A job failed, and is done again: ${troubleText(event.error)}${before}`
    }
    case 'threads':
      return `${formatBytes(event.available)} of memory are available: going on with ${threadsText(event.threads)}`
  }
}

function openedText({ tensors, threads, shards, shared, spool }: OpenedConversion): string {
  const sources = shared === shards ? 'shards are read here' : `${shards - shared} of ${shards} shards come over HTTP`
  const results = spool ? 'results go to the shared folder' : 'results are uploaded'
  return `A conversion of ${tensors} tensors with ${threadsText(threads)}: ${sources}, ${results}`
}

/** In one line: what went wrong, what to do, and its code. */
function troubleText({ message, hint, code }: MiberaError): string {
  return harmless(`${message}. ${hint === undefined ? '' : `${hint} `}(${code})`)
}

/** Words of another machine: they stay on one line, and drive no terminal. */
function harmless(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}

function threadsText(threads: number): string {
  return threads === 1 ? '1 thread' : `${threads} threads`
}

function slicesText(slices: number): string {
  return slices === 1 ? '1 slice' : `${slices} slices`
}
