import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ByteSource } from '../../../disk/byte-source.ts'

/**
 * Sends `length` bytes of `source` from `position`. The next bytes are read when the last ones are on their way: no
 * more than `buffer` is ever held, however slowly they are taken.
 * @param still longest time (ms) that one buffer may take: after that the connection is cut.
 */
export async function sendRange(
  response: ServerResponse,
  source: ByteSource,
  {
    position,
    length,
    buffer,
    still,
  }: {
    readonly position: number
    readonly length: number
    readonly buffer: Uint8Array
    readonly still: number
  },
): Promise<void> {
  const gone = once(response, 'close').then(() => {
    throw new Error('the connection was closed')
  })
  // Heard only while bytes are on their way.
  gone.catch(() => {})
  for (let sent = 0; sent < length; ) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, length - sent))
    await source.read(chunk, position + sent)
    const timer = setTimeout(() => response.destroy(), still)
    try {
      await Promise.race([written(response, chunk), gone])
    } finally {
      clearTimeout(timer)
    }
    sent += chunk.length
  }
  response.end()
}

function written(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}
