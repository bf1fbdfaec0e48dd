import { MiberaError, systemCode } from '../../../base/errors.ts'
import type { RedisAddress } from './redis-settings.ts'

/** Replies by which Redis says that it will answer soon, after loading its data or a change of its master. */
const soon = /^(LOADING|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|NOREPLICAS)\b/

const hints: readonly (readonly [RegExp, string])[] = [
  [/^(WRONGPASS|NOAUTH|ERR AUTH|ERR invalid password)/, 'Check user and password of the Redis address.'],
  [/^ERR DB index/, 'Check the number of the database at the end of the Redis address.'],
  [/^NOPERM/, 'Let the user run all commands that BullMQ needs on keys with the prefix: ~PREFIX:* +@all -@admin.'],
  [/^OOM/, 'Give Redis more memory (maxmemory), or a Redis of its own to this program.'],
  [/^READONLY/, 'Give the address of the master instead of that of a replica.'],
  [/^MISCONF/, 'Redis cannot save its data to disk: look into its log.'],
]

/** Codes of Node for a certificate that cannot be believed. */
const distrust = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_TLS_CERT_\w+)$/

/**
 * REDIS_REFUSED when Redis is there and will not do what it is asked, or is not who it should be; REDIS_UNREACHABLE
 * otherwise. The message never
 * holds a password: Redis does not repeat it, and the address is shown without.
 */
export function explainRedisError(error: unknown, { shown }: RedisAddress): MiberaError {
  if (error instanceof MiberaError) return error
  const { message, name } = firstOf(error)
  if (distrust.test(systemCode(error) ?? '')) {
    return new MiberaError('REDIS_REFUSED', `the certificate of Redis at ${shown} is not to be trusted: ${message}`, {
      subject: shown,
      hint: 'Name the certificate that signed it (--redis-ca), and the host as the certificate does.',
      cause: error,
    })
  }
  const reply = name === 'ReplyError' || hints.some(([pattern]) => pattern.test(message))
  if (!reply || soon.test(message)) {
    return new MiberaError('REDIS_UNREACHABLE', `Redis at ${shown} cannot be reached: ${message || name}`, {
      subject: shown,
      hint: 'It is tried again and again; what is made meanwhile is not lost.',
      cause: error,
    })
  }
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1]
  return new MiberaError('REDIS_REFUSED', `Redis at ${shown} refuses: ${message}`, {
    subject: shown,
    hint,
    cause: error,
  })
}

/** Of a transaction that was given up, ioredis keeps the reasons apart. */
function firstOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  const reasons = 'previousErrors' in error && Array.isArray(error.previousErrors) ? error.previousErrors : []
  return reasons.find((reason) => reason instanceof Error) ?? error
}
