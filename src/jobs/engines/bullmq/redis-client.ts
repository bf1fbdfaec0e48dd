import { Redis, type RedisOptions } from 'ioredis'
import type { RedisAddress } from './redis-settings.ts'

/** Waits before the attempts to connect again, in milliseconds: soon at first, then every two seconds. */
const soonest = 50
const latest = 2000

/** A server that does not answer for so long is as good as away (milliseconds). */
const patience = 5000
/** The same where a command may wait for a job: BullMQ lets it wait for ten seconds at most. */
const blockingPatience = 30_000

/**
 * A connection for commands. While Redis is away they fail at once instead of waiting in memory: whoever sends them
 * knows better what is still needed when it is back.
 * @param onError told of every failure to connect; ioredis would print it otherwise.
 */
export function commandClient(address: RedisAddress, onError: (error: Error) => void): Redis {
  return client(address, onError, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    socketTimeout: patience,
  })
}

/**
 * A connection for a BullMQ Worker, which makes another like it to wait on: its commands wait until Redis is back. Give
 * the Worker `skipVersionCheck: true`, or it prints to the console what it thinks of the server.
 */
export function workerClient(address: RedisAddress, onError: (error: Error) => void): Redis {
  return client(address, onError, { maxRetriesPerRequest: null, socketTimeout: blockingPatience })
}

/**
 * Makes sure that Redis answers, and from the database of the address: where there is none of its number, a connection
 * goes on with the first one and says nothing.
 * @throws Error as Redis answers
 */
export async function enterDatabase(redis: Redis, { options }: RedisAddress): Promise<void> {
  if (options.db === 0) await redis.ping()
  else await redis.select(options.db)
}

function client({ options }: RedisAddress, onError: (error: Error) => void, more: RedisOptions): Redis {
  const redis = new Redis({
    ...options,
    ...more,
    connectTimeout: patience,
    retryStrategy: (times) => Math.min(soonest * 2 ** Math.min(times, 10), latest),
    // The server's state is asked for by whoever uses it; ioredis prints to the console when it may not ask.
    enableReadyCheck: false,
    disableClientInfo: true,
    replyMapping: 'legacy' as const,
  })
  redis.on('error', onError)
  return redis
}
