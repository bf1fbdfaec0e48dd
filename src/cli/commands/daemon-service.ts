import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import type { Machine, ServicePlan, ServiceStep, ServiceWish } from '../../daemon/service/service.ts'
import { globalOptions } from '../global-options.ts'
import { daemonStartCommand } from './daemon-start.ts'

/** Options of `daemon start` that name paths: the service has no current folder to find them from. */
const pathOptions: ReadonlySet<string> = new Set(['watch', 'out'])

/** `mibera daemon install`, with the options of `daemon start`, which the installed command line repeats. */
export function daemonInstallCommand(): Command {
  const command = new Command('install')
    .description('Have the daemon start by itself: systemd, launchd or Windows Task Scheduler.')
    .option('--print', 'only show what would be installed, and how')
  for (const option of daemonStartCommand().options) {
    if (option.attributeName() !== 'foreground') command.addOption(option)
  }
  return command.action(async (options: { print?: boolean }) => {
    await manage('install', command, options.print === true)
  })
}

export function daemonUninstallCommand(): Command {
  const command = new Command('uninstall')
    .description('Stop the daemon and no longer start it by itself. Jobs and bookmarks stay.')
    .option('--print', 'only show what would be done')
  return command.action(async (options: { print?: boolean }) => {
    await manage('uninstall', command, options.print === true)
  })
}

/** Reads settings and service code only when it is needed: other commands start faster without. */
async function manage(what: 'install' | 'uninstall', command: Command, print: boolean): Promise<void> {
  const { stateDirectory, json, quiet } = globalOptions(command)
  const { planService } = await import('../../daemon/service/service-plan.ts')
  const { thisMachine } = await import('../../daemon/service/this-machine.ts')
  const machine = thisMachine()
  const flags = what === 'install' ? startFlags(command) : []
  const plan = planService(serviceWish(stateDirectory, flags), machine)
  if (print) {
    const { printedPlan, planDocument } = await import('../render/service-plan.ts')
    process.stdout.write(json ? planDocument(plan, what) : printedPlan(plan, what, machine.platform))
    return
  }
  const { runCommand } = await import('../../daemon/service/service-runner.ts')
  if (what === 'install') {
    const { installService } = await import('../../daemon/service/install.ts')
    const { loadSettings } = await import('../../daemon/settings.ts')
    // What the daemon would not start with is said now, rather than in the log of a service at boot.
    loadSettings(stateDirectory, {}, {})
    report(plan, { installed: true }, await installService(plan, runCommand), json, quiet)
  } else {
    const { uninstallService } = await import('../../daemon/service/uninstall.ts')
    const { removed, notes } = await uninstallService(plan, runCommand)
    report(plan, { removed }, notes, json, quiet)
  }
}

/** The command lines that start and stop the daemon of a state directory, with absolute paths. */
export function serviceWish(stateDirectory: string, flags: readonly string[]): ServiceWish {
  const program = [process.execPath, fileURLToPath(new URL('../main.js', import.meta.url))]
  return {
    start: [...program, 'daemon', 'start', '--foreground', '--state-dir', stateDirectory, ...flags],
    stop: [...program, 'daemon', 'stop', '--state-dir', stateDirectory],
    stateDirectory,
  }
}
