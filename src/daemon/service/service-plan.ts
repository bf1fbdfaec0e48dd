import { posix, win32 } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import { launchdAgent } from './launchd-agent.ts'
import type { Machine, ServicePlan, ServiceStep, ServiceWish } from './service.ts'
import { systemdUnit } from './systemd-unit.ts'
import { logOnTask } from './task-scheduler.ts'

const label = 'mibera.daemon'
const unit = 'mibera.service'

/**
 * What installing and removing the service means on a machine. Pure: nothing is looked at and nothing is done.
 * @throws MiberaError SERVICE_UNSUPPORTED on other systems than Linux, macOS and Windows; USAGE for a path that the
 * service's description cannot hold.
 */
export function planService(wish: ServiceWish, machine: Machine): ServicePlan {
  if (machine.platform === 'linux') return systemdPlan(wish, machine)
  if (machine.platform === 'darwin') return launchdPlan(wish, machine)
  if (machine.platform === 'win32') return taskPlan(wish, machine)
  throw new MiberaError('SERVICE_UNSUPPORTED', `there is no service installation for ${machine.platform}`, {
    subject: machine.platform,
    hint: `Have your system run at start: ${wish.start.join(' ')}`,
  })
}

function systemdPlan({ start, stop, stateDirectory }: ServiceWish, { userId, configHome }: Machine): ServicePlan {
  const system = userId === 0
  const systemctl = (...words: string[]) => run('systemctl', ...(system ? [] : ['--user']), ...words)
  // Without lingering a user's services start at the first log-in, not at boot, and end with the last log-out.
  const linger: ServiceStep = {
    kind: 'run',
    words: ['loginctl', 'enable-linger'],
    ifItFails:
      'The daemon will start when you log in, not at boot. To change that: sudo loginctl enable-linger "$USER"',
  }
  return {
    manager: 'systemd',
    scope: system ? 'system' : 'user',
    name: unit,
    file: posix.join(system ? '/etc/systemd/system' : posix.join(configHome, 'systemd/user'), unit),
    text: systemdUnit({ scope: system ? 'system' : 'user', argv: start, stateDirectory }),
    encoding: 'utf8',
    folders: [stateDirectory],
    install: [
      { kind: 'write' },
      systemctl('daemon-reload'),
      systemctl('enable', unit),
      ...(system ? [] : [linger]),
      handOver(stop),
      systemctl('restart', unit),
    ],
    uninstall: [systemctl('disable', '--now', unit), { kind: 'remove' }, systemctl('daemon-reload')],
  }
}

function launchdPlan({ start, stop, stateDirectory }: ServiceWish, { userId = 0, home }: Machine): ServicePlan {
  const system = userId === 0
  const domain = system ? 'system' : `gui/${userId}`
  const folder = system ? '/Library/LaunchDaemons' : posix.join(home, 'Library/LaunchAgents')
  const file = posix.join(folder, `${label}.plist`)
  const logs = posix.join(stateDirectory, 'logs')
  const argv = [...start, '--quiet']
  return {
    manager: 'launchd',
    scope: system ? 'system' : 'user',
    name: label,
    file,
    text: launchdAgent({ label, argv, errorFile: posix.join(logs, 'crash.log') }),
    encoding: 'utf8',
    folders: [logs],
    install: [
      { kind: 'write' },
      handOver(stop),
      // An earlier installation would keep its old description.
      runAnyway('launchctl', 'bootout', `${domain}/${label}`),
      run('launchctl', 'enable', `${domain}/${label}`),
      run('launchctl', 'bootstrap', domain, file),
    ],
    uninstall: [runAnyway('launchctl', 'bootout', `${domain}/${label}`), { kind: 'remove' }],
  }
}

function taskPlan({ start, stop, stateDirectory }: ServiceWish, machine: Machine): ServicePlan {
  const { userName, userDomain, localAppData, home } = machine
  const account = userDomain === undefined ? userName : `${userDomain}\\${userName}`
  const file = win32.join(localAppData, 'mibera', 'service.xml')
  // The tasks of all users share one list.
  const name = `mibera-${userName}`
  return {
    manager: 'task-scheduler',
    scope: 'user',
    name,
    file,
    text: logOnTask({ account, argv: start, workingFolder: home }),
    encoding: 'utf16le',
    folders: [stateDirectory],
    install: [
      { kind: 'write' },
      run('schtasks', '/Create', '/TN', name, '/XML', file, '/F'),
      handOver(stop),
      run('schtasks', '/Run', '/TN', name),
    ],
    // Ending a task kills it at once: it is asked to stop first.
    uninstall: [
      handOver(stop),
      runAnyway('schtasks', '/End', '/TN', name),
      run('schtasks', '/Delete', '/TN', name, '/F'),
      { kind: 'remove' },
    ],
  }
}

/** A daemon started by hand holds the state directory: it stops, and the service goes on with what it was doing. */
function handOver(stop: readonly string[]): ServiceStep {
  return { kind: 'run', words: stop, ifItFails: '' }
}

function run(...words: string[]): ServiceStep {
  return { kind: 'run', words }
}

function runAnyway(...words: string[]): ServiceStep {
  return { kind: 'run', words, ifItFails: '' }
}
