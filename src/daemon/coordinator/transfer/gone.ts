import type { ServerResponse } from 'node:http'
import { MiberaError } from '../../../base/errors.ts'

/**
 * Aborted when whoever asked is gone, or after `milliseconds` of waiting with TOO_MANY_REQUESTS: better to be asked
 * again than to keep a connection for nothing.
 */
export function goneOf(response: ServerResponse, milliseconds: number): AbortSignal {
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const message = `the transfer's turn has not come for ${milliseconds / 1000} s`
    controller.abort(new MiberaError('TOO_MANY_REQUESTS', message, { hint: 'Try again in a second.' }))
  }, milliseconds)
  timer.unref()
  response.once('close', () => {
    clearTimeout(timer)
    controller.abort(new Error('the connection was closed'))
  })
  return controller.signal
}
