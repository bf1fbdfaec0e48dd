import type { ServerResponse } from 'node:http'
import type { EventView, Status } from './protocol.ts'

/** What a stream of events shows. */
export interface StreamSource {
  status(): Status
  /** The id of the newest event of all jobs. */
  lastEvent(): number
  /** Events after `after`, the oldest first; of one job where it is given. */
  events(after: number, job?: number): EventView[]
}

export interface StreamFilter {
  readonly job?: number | undefined
  /** The last event that the reader has seen; by default it is shown only new ones. */
  readonly after?: number | undefined
}

const lookMilliseconds = 250
/** A picture in which only figures of the machine have changed is sent this rarely. */
const idleLooks = 4

/**
 * Sends server-sent events until the reader leaves: "status" with the whole picture, at once and whenever it has
 * changed, and "job" for each event of a job, in order, without a gap.
 * @returns ends the stream. Safe to call twice.
 */
export function streamEvents(response: ServerResponse, source: StreamSource, filter: StreamFilter): () => void {
  let last = filter.after ?? source.lastEvent()
  let shown = ''
  let quietLooks = 0
  const send = (event: string, data: unknown, id?: number) =>
    response.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)

  const look = () => {
    // Who does not read is not written to without end.
    if (response.writableNeedDrain) return
    for (const event of source.events(last, filter.job)) {
      send('job', event, event.id)
      last = event.id
    }
    const status = source.status()
    const picture = JSON.stringify([
      ...[status.jobs, status.counts, status.folders],
      ...[status.daemon?.stopping, status.daemon?.scaleOut?.redisState],
      status.workers.map(({ id, tensor, quarantined }) => [id, tensor, quarantined]),
    ])
    if (picture === shown && ++quietLooks < idleLooks) return
    shown = picture
    quietLooks = 0
    send('status', status)
  }

  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const timer = setInterval(look, lookMilliseconds)
  const end = () => {
    clearInterval(timer)
    response.end()
  }
  response.on('close', () => clearInterval(timer))
  response.on('error', () => clearInterval(timer))
  look()
  return end
}
