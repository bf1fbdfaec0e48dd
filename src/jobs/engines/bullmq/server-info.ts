import type { RedisAddress } from './redis-settings.ts'

/** @param info what Redis answers to INFO; empty when it may not be asked. */
export function requireLoaded(info: string): void {
  if (fieldOf(info, 'loading') === '1') throw new Error('LOADING Redis is loading its data')
}

/**
 * Warns when Redis may throw jobs away to make room: they are added again, but late.
 * @returns whether it warned.
 */
export function warnOfEviction(
  info: string,
  { shown }: RedisAddress,
  log: { warn(fields: object, message: string): void },
): boolean {
  const policy = fieldOf(info, 'maxmemory_policy') ?? 'noeviction'
  const limit = Number(fieldOf(info, 'maxmemory') ?? 0)
  if (policy === 'noeviction' || limit === 0) return false
  const hint = 'Set maxmemory-policy to noeviction: no work is lost otherwise, but time.'
  log.warn({ policy, hint }, `Redis at ${shown} evicts keys when its memory is full (maxmemory-policy ${policy})`)
  return true
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
}
