import { setTimeout as delay } from 'node:timers/promises'
import { MiberaError } from '../base/errors.ts'
import { explainRedisError } from '../jobs/engines/bullmq/explain-redis-error.ts'
import { commandClient, enterDatabase } from '../jobs/engines/bullmq/redis-client.ts'
import type { RedisAddress } from '../jobs/engines/bullmq/redis-settings.ts'

/** A worker may be started a moment before its Redis. */
const firstPatience = 15_000
const pause = 200

/**
 * Makes sure that Redis is there and lets this program in: once at the start, when somebody is still looking.
 * @param onWaiting called once when it is not there yet.
 * @throws MiberaError REDIS_UNREACHABLE, REDIS_REFUSED
 */
export async function requireRedis(address: RedisAddress, stop: AbortSignal, onWaiting: () => void): Promise<void> {
  let trouble: MiberaError | undefined
  const redis = commandClient(address, (error) => {
    trouble = explainRedisError(error, address)
  })
  const until = performance.now() + firstPatience
  let told = false
  try {
    for (;;) {
      const found = await enterDatabase(redis, address).then(
        () => undefined,
        (error: unknown) => explainRedisError(error, address),
      )
      if (found === undefined || stop.aborted) return
      // What the connection failed with says more than that there is none.
      const refused = [trouble, found].find((error) => error?.code === 'REDIS_REFUSED')
      if (refused !== undefined) throw refused
      if (performance.now() >= until) throw unreachable(trouble ?? found)
      if (!told && trouble !== undefined) {
        told = true
        onWaiting()
      }
      await delay(pause, undefined, { signal: stop }).catch(() => {})
    }
  } finally {
    redis.disconnect()
  }
}

function unreachable({ message, subject, cause }: MiberaError): MiberaError {
  return new MiberaError('REDIS_UNREACHABLE', message, {
    subject,
    hint: 'Give --redis the address that the daemon was started with, as this machine sees it.',
    cause,
  })
}
