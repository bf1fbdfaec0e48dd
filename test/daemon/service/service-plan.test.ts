import { expect, test } from 'vitest'
import type { Machine, ServiceStep } from '#dist/daemon/service/service.js'
import { planService } from '#dist/daemon/service/service-plan.js'
import { refusal } from '../../helpers/refusal.ts'

const wish = {
  start: ['/usr/bin/node', '/opt/mibera/main.js', 'daemon', 'start', '--foreground', '--state-dir', '/state'],
  stop: ['/usr/bin/node', '/opt/mibera/main.js', 'daemon', 'stop', '--state-dir', '/state'],
  stateDirectory: '/state',
}
const user: Machine = {
  platform: 'linux',
  userId: 1000,
  userName: 'ada',
  userDomain: 'LAPTOP',
  home: '/home/ada',
  configHome: '/home/ada/.config',
  localAppData: 'C:\\Users\\ada\\AppData\\Local',
}

/** Steps as lines; `?` marks those that may fail. */
function lines(steps: readonly ServiceStep[]): string[] {
  return steps.map((step) =>
    step.kind === 'run' ? `${step.words.join(' ')}${step.ifItFails === undefined ? '' : ' ?'}` : step.kind,
  )
}

test('a user of Linux gets a user unit that lingers', () => {
  const plan = planService(wish, user)
  expect(plan).toMatchObject({ scope: 'user', file: '/home/ada/.config/systemd/user/mibera.service' })
  expect(plan.text).toContain('WantedBy=default.target')
  expect(lines(plan.install)).toEqual([
    'write',
    'systemctl --user daemon-reload',
    'systemctl --user enable mibera.service',
    'loginctl enable-linger ?',
    `${wish.stop.join(' ')} ?`,
    'systemctl --user restart mibera.service',
  ])
  expect(lines(plan.uninstall)).toEqual([
    'systemctl --user disable --now mibera.service',
    'remove',
    'systemctl --user daemon-reload',
  ])
})

test('root on Linux gets a system unit', () => {
  const plan = planService(wish, { ...user, userId: 0, home: '/root', configHome: '/root/.config' })
  expect(plan).toMatchObject({ scope: 'system', file: '/etc/systemd/system/mibera.service' })
  expect(plan.text).toContain('WantedBy=multi-user.target')
  expect(lines(plan.install).join('\n')).not.toMatch(/--user|linger/)
})

test('a user of macOS gets a launch agent, root a launch daemon', () => {
  const plan = planService(wish, { ...user, platform: 'darwin', userId: 501, home: '/Users/ada' })
  const file = '/Users/ada/Library/LaunchAgents/mibera.daemon.plist'
  expect(plan).toMatchObject({ scope: 'user', file, folders: ['/state/logs'] })
  expect(lines(plan.install)).toEqual([
    'write',
    `${wish.stop.join(' ')} ?`,
    'launchctl bootout gui/501/mibera.daemon ?',
    'launchctl enable gui/501/mibera.daemon',
    `launchctl bootstrap gui/501 ${file}`,
  ])
  expect(lines(plan.uninstall)).toEqual(['launchctl bootout gui/501/mibera.daemon ?', 'remove'])

  const root = planService(wish, { ...user, platform: 'darwin', userId: 0, home: '/var/root' })
  expect(root.file).toBe('/Library/LaunchDaemons/mibera.daemon.plist')
  expect(lines(root.install).at(-1)).toBe(`launchctl bootstrap system ${root.file}`)
})

test('a user of Windows gets a task of their own at log-on', () => {
  const plan = planService(wish, { ...user, platform: 'win32', userId: undefined, home: 'C:\\Users\\ada' })
  const file = 'C:\\Users\\ada\\AppData\\Local\\mibera\\service.xml'
  expect(plan).toMatchObject({ file, encoding: 'utf16le', name: 'mibera-ada' })
  expect(plan.text).toContain('<UserId>LAPTOP\\ada</UserId>')
  expect(lines(plan.install)).toEqual([
    'write',
    `schtasks /Create /TN mibera-ada /XML ${file} /F`,
    `${wish.stop.join(' ')} ?`,
    'schtasks /Run /TN mibera-ada',
  ])
  expect(lines(plan.uninstall)).toEqual([
    `${wish.stop.join(' ')} ?`,
    'schtasks /End /TN mibera-ada ?',
    'schtasks /Delete /TN mibera-ada /F',
    'remove',
  ])
})

test('another system is told what to run', async () => {
  const error = await refusal((async () => planService(wish, { ...user, platform: 'freebsd' }))())
  expect(error).toMatchObject({ code: 'SERVICE_UNSUPPORTED', hint: expect.stringContaining(wish.start.join(' ')) })
})
