import { withoutPassword } from '../jobs/engines/bullmq/redis-url.ts'
import type { Settings } from './settings.ts'

/** Settings as logs and views may show them: without passwords. */
export function shownSettings(settings: Settings): Settings {
  const { redis } = settings
  return redis === null ? settings : { ...settings, redis: withoutPassword(redis) }
}
