import type { IncomingMessage, ServerResponse } from 'node:http'

/** Bodies up to this length are taken in and dropped when a request was answered before they came. */
const mostDropped = 8 * 2 ** 20
/** Time (ms) for that. */
const timeToDrop = 5000

/**
 * Keeps a connection usable after an answer that came before the end of the body, so that a worker sees the answer
 * instead of a connection that broke; and ends it when the rest would be long.
 */
export function boundBody(request: IncomingMessage, response: ServerResponse): void {
  const { 'content-length': declared, 'transfer-encoding': encoding } = request.headers
  if (encoding !== undefined || Number(declared ?? 0) > mostDropped) response.shouldKeepAlive = false
  response.once('finish', () => {
    if (request.complete || !response.shouldKeepAlive) return
    const timer = setTimeout(() => request.destroy(), timeToDrop)
    request.once('close', () => clearTimeout(timer))
  })
}
