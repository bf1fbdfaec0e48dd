import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { MiberaError } from '../../../base/errors.ts'

/** At least this much must come on average: a trickle holds memory as a standstill does. */
const leastBytesPerSecond = 32 * 1024

/**
 * Fills `target` with the body of a request and takes its SHA-256 on the way.
 * @param still longest time (ms) without a byte.
 * @throws MiberaError SLICE_REFUSED when the body is longer or shorter, or comes too slowly; whatever broke the
 * connection.
 */
export async function receiveBlocks(body: IncomingMessage, target: Uint8Array, still: number): Promise<Uint8Array> {
  const hash = createHash('sha256')
  const tooSlow = () => body.destroy(short(target.length, `came too slowly`))
  const whole = setTimeout(tooSlow, still + (target.length / leastBytesPerSecond) * 1000)
  const pause = setTimeout(tooSlow, still)
  let filled = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (chunk.length > target.length - filled) throw short(target.length, 'are fewer than came')
      target.set(chunk, filled)
      hash.update(chunk)
      filled += chunk.length
      pause.refresh()
    }
  } finally {
    clearTimeout(whole)
    clearTimeout(pause)
  }
  if (filled < target.length) throw short(target.length, `were to come, but only ${filled} did`)
  return hash.digest()
}

function short(bytes: number, what: string): MiberaError {
  return new MiberaError('SLICE_REFUSED', `the ${bytes} bytes of the slice ${what}`)
}
