import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'

/** Where distributions keep the manager itself. */
export const systemdManager = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'].find((path) => existsSync(path))

/** Why `systemd-analyze` cannot be asked here, if it cannot. */
export const noAnalyze =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? undefined : 'systemd-analyze is not installed'

/** Why a user's systemd cannot be run here, in a mount namespace and control group of its own, if it cannot. */
export function noRunningSystemd(): string | undefined {
  if (systemdManager === undefined) return 'systemd is not installed'
  if (process.getuid?.() !== 0) return 'this needs root'
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) return 'unshare is not allowed'
  return controlGroups === undefined ? 'control groups are not writable' : undefined
}

/** The hierarchy in which systemd makes control groups, where it may be written. */
export const controlGroups = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find(
  (path) => existsSync(`${path}/cgroup.procs`) && writable(path),
)

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}
