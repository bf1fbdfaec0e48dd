import { formatBytes } from '../../base/byte-count.ts'
import { formatDuration } from '../../base/duration.ts'
import type { JobView } from '../../daemon/protocol.ts'
import type { MadeFile } from '../made-file.ts'
import { madeFileLines } from './made-file-lines.ts'
import { progressLine } from './progress-line.ts'
import { StatusLine } from './status-line.ts'

/** Time between two plain lines where there is no terminal. */
const plainMilliseconds = 10_000

/** Shows on standard error a job that the daemon runs. */
export class FollowDisplay {
  readonly #quiet: boolean
  readonly #status = new StatusLine(process.stderr)
  #drawn = performance.now()
  #told = ''

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  /** @param ownLimits whether the reader named threads or memory, which are the daemon's to say. */
  begin({ id, recipe }: JobView, ownLimits: boolean): void {
    this.#note(`Job ${id} of the daemon: converting to ${recipe}. Ctrl-C leaves it running.`)
    if (ownLimits) this.#note("  It has the daemon's threads and memory: --threads and --max-memory do not count.")
  }

  /** @param now milliseconds since the epoch. */
  show(job: JobView, now: number): void {
    const said = standing(job, now)
    if (said !== this.#told && said !== '') this.#note(said)
    this.#told = said
    const elapsed = performance.now() - this.#drawn
    if (this.#quiet || said !== '' || (!this.#status.terminal && elapsed < plainMilliseconds)) return
    this.#drawn = performance.now()
    this.#status.draw(workLine(job, this.#status.columns))
  }

  done({ started, ended }: JobView, files: readonly MadeFile[]): void {
    if (this.#quiet) return
    const took = started === null || ended === null ? '' : `, in ${formatDuration((ended - started) / 1000)}`
    for (const line of madeFileLines(files, took)) this.#status.note(line)
  }

  /** @param left whether the reader has left; otherwise somebody else ended the job or the daemon. */
  left(job: JobView | undefined, left: boolean): void {
    if (left)
      this.#note(
        `The job goes on in the daemon: "mibera jobs status" shows it, "mibera jobs cancel ${job?.id ?? 'ID'}" ends it.`,
      )
    else if (job?.state === 'paused') this.#note(`Job ${job.id} was paused: "mibera jobs resume ${job.id}" goes on.`)
    else if (job?.state === 'cancelled') this.#note(`Job ${job.id} was cancelled.`)
    else this.#note('The daemon has ended. The job goes on when it is started again.')
  }

  clear(): void {
    this.#status.clear()
  }

  #note(line: string): void {
    if (!this.#quiet) this.#status.say(line)
  }
}

/** What holds a job up, if something does; the same text as long as nothing changes. */
function standing({ state, reason, needsDisk }: JobView, _now: number): string {
  if (state === 'queued') return 'It waits for its turn.'
  if (state !== 'waiting' || reason === null) return ''
  const until =
    needsDisk === null
      ? 'It is tried again by itself.'
      : `It goes on by itself when ${formatBytes(needsDisk)} are free.`
  return `It waits: ${reason.message}. ${until}`
}

function workLine({ recipe, state, fraction, doneBytes, totalBytes, live }: JobView, columns: number): string {
  if (state === 'verifying') return 'reading the file back'
  const speed = { weightsPerSecond: live?.weightsPerSecond ?? Number.NaN, secondsLeft: live?.secondsLeft ?? Number.NaN }
  return progressLine(recipe, { fraction, doneBytes, totalBytes, ...speed }, columns)
}
