import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { installService } from '#dist/daemon/service/install.js'
import type { ServicePlan } from '#dist/daemon/service/service.js'
import { planService } from '#dist/daemon/service/service-plan.js'
import { runCommand, type ServiceRunner } from '#dist/daemon/service/service-runner.js'
import { uninstallService } from '#dist/daemon/service/uninstall.js'
import { refusal } from '../../helpers/refusal.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const present = () => true

async function userPlan(platform: NodeJS.Platform = 'linux'): Promise<ServicePlan> {
  const home = await temporaryFolder()
  const stateDirectory = join(home, 'state')
  const wish = { start: ['/node', '/main.js', 'start'], stop: ['/node', '/main.js', 'stop'], stateDirectory }
  return planService(wish, {
    platform,
    userId: 1000,
    userName: 'ada',
    userDomain: undefined,
    home,
    configHome: join(home, '.config'),
    localAppData: home,
  })
}

/** Does nothing but note; commands that contain `failing` fail. */
function recorder(failing?: string): { run: ServiceRunner; commands: string[] } {
  const commands: string[] = []
  const run: ServiceRunner = async (words) => {
    commands.push(words.join(' '))
    const fails = failing !== undefined && words.includes(failing)
    return fails ? { status: 1, output: 'Failed to connect to bus' } : { status: 0, output: '' }
  }
  return { run, commands }
}

test('installing writes the description before any command is run, and makes the state directory', async () => {
  const plan = await userPlan()
  const seen: boolean[] = []
  await installService(
    plan,
    async () => {
      seen.push(existsSync(plan.file))
      return { status: 0, output: '' }
    },
    present,
  )
  expect(seen).toEqual(Array(5).fill(true))
  expect(await readFile(plan.file, 'utf8')).toBe(plan.text)
  expect(existsSync(plan.folders[0] ?? '')).toBe(true)
})

test('a command that fails ends it with what the command said', async () => {
  const { run, commands } = recorder('enable')
  const error = await refusal(installService(await userPlan(), run, present))
  expect(error.code).toBe('SERVICE_FAILED')
  expect(error.message).toContain('"systemctl --user enable mibera.service" failed (1): Failed to connect to bus')
  expect(commands.at(-1)).toBe('systemctl --user enable mibera.service')
})

test('where lingering is not allowed the rest goes on, and the user is told', async () => {
  const { run, commands } = recorder('enable-linger')
  const notes = await installService(await userPlan(), run, present)
  expect(notes).toEqual([expect.stringContaining('sudo loginctl enable-linger')])
  expect(commands.at(-1)).toBe('systemctl --user restart mibera.service')
})

test('without systemd nothing is touched', async () => {
  const plan = await userPlan()
  const { run, commands } = recorder()
  const error = await refusal(installService(plan, run, () => false))
  expect(error.code).toBe('SERVICE_UNSUPPORTED')
  expect(commands).toEqual([])
  expect(existsSync(plan.file)).toBe(false)
})

test.skipIf(process.platform === 'win32')('a task is written in UTF-16 with its byte order mark', async () => {
  const plan = { ...(await userPlan('win32')), file: join(await temporaryFolder(), 'service.xml'), folders: [] }
  await installService(plan, recorder().run, present)
  const bytes = await readFile(plan.file)
  expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0xfe])
  expect(new TextDecoder('utf-16le').decode(bytes)).toBe(plan.text)
})

test('uninstalling stops the service, then removes its description and leaves the state directory', async () => {
  const plan = await userPlan()
  await installService(plan, recorder().run, present)
  const { run, commands } = recorder()
  expect(await uninstallService(plan, run)).toEqual({ removed: true, notes: [] })
  expect(commands).toEqual(['systemctl --user disable --now mibera.service', 'systemctl --user daemon-reload'])
  expect(existsSync(plan.file)).toBe(false)
  expect(existsSync(plan.folders[0] ?? '')).toBe(true)
})

test('uninstalling what is not installed does nothing, twice too', async () => {
  const plan = await userPlan()
  const { run, commands } = recorder()
  expect(await uninstallService(plan, run)).toEqual({ removed: false, notes: [] })
  expect(await uninstallService(plan, run)).toEqual({ removed: false, notes: [] })
  expect(commands).toEqual([])
})

test('a command that fails leaves the description for a second try', async () => {
  const plan = await userPlan()
  await installService(plan, recorder().run, present)
  await refusal(uninstallService(plan, recorder('disable').run))
  expect(existsSync(plan.file)).toBe(true)
  expect((await uninstallService(plan, recorder().run)).removed).toBe(true)
})

test('the runner tells the status and both streams, also of what cannot be run', async () => {
  const script = 'console.log("out"); console.error("err"); process.exitCode = 3'
  expect(await runCommand([process.execPath, '-e', script])).toEqual({ status: 3, output: 'out\nerr' })
  expect(await runCommand([process.execPath, '-e', ''])).toEqual({ status: 0, output: '' })
  expect(await runCommand(['/nowhere/at all'])).toEqual({
    status: undefined,
    output: expect.stringContaining('ENOENT'),
  })
})
