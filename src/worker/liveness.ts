import { formatDuration } from '../base/duration.ts'
import { MiberaError } from '../base/errors.ts'
import type { ThreadShare } from './thread-share.ts'

/**
 * Waits for what threads do, as long as they get on: by bytes received or sent, by slices finished, by asking a
 * coordinator that is away again.
 * @throws MiberaError WORKER_DIED when nothing moved for `longest` milliseconds; whatever `work` fails with.
 */
export async function whileGettingOn<Result>(
  share: ThreadShare,
  longest: number,
  work: Promise<Result>,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    let pulse = share.pulse
    let moved = performance.now()
    timer = setInterval(() => {
      if (share.pulse !== pulse) {
        pulse = share.pulse
        moved = performance.now()
      } else if (performance.now() - moved >= longest) reject(hanging(longest))
    }, longest / 8)
  })
  try {
    return await Promise.race([work, hung])
  } finally {
    clearInterval(timer)
  }
}

function hanging(milliseconds: number): MiberaError {
  return new MiberaError(
    'WORKER_DIED',
    `the threads of this worker have not got on for ${formatDuration(milliseconds / 1000)}`,
    { hint: 'They are ended, and the job is done again. Check the drive that shards are read from, and the network.' },
  )
}
