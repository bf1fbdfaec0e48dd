import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Where distributions keep the manager itself. */
export const systemdManager = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].find((path) => existsSync(path))

/** Why `systemd-analyze` cannot be asked here, if it cannot. */
export const noAnalyze =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? undefined : 'systemd-analyze is not installed'
