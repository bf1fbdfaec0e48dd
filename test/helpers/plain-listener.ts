import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ActiveConversions } from '#dist/daemon/coordinator/conversions/active-conversions.js'
import { CoordinatorListener, type ListenerOptions } from '#dist/daemon/coordinator/listener/listener.js'
import { TokenFile } from '#dist/daemon/coordinator/trust/token-file.js'
import { WorkerRegistry } from '#dist/daemon/coordinator/trust/worker-registry.js'
import type { Log } from '#dist/daemon/log.js'

/** A listener on a free port, not yet started, and all that it stands on. Its token is written into `folder`. */
export function plainListener(
  { folder, token, log }: { readonly folder: string; readonly token: string; readonly log: Log },
  changes: Partial<ListenerOptions> = {},
) {
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, `${token}\n`)
  const conversions = new ActiveConversions()
  const workers = new WorkerRegistry({ heartbeatMilliseconds: 2000, log })
  const listener = new CoordinatorListener({
    listen: { host: '127.0.0.1', port: 0 },
    token: new TokenFile(tokenFile, log),
    version: 'test',
    welcome: { queue: 'tensors-test', prefix: 'test', lockMilliseconds: 30_000 },
    ...{ conversions, workers, log },
    ...changes,
  })
  return { tokenFile, conversions, workers, listener }
}
