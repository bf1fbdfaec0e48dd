import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import type { ServicePlan, ServiceWish } from '../../daemon/service/service.ts'
import { type GlobalOptions, globalOptions } from '../global-options.ts'
import { optionWords } from '../options/option-words.ts'
import { daemonStartCommand, rawSettings } from './daemon-start.ts'

/** `mibera daemon install`, with the options of `daemon start`, which the installed command line repeats. */
export function daemonInstallCommand(): Command {
  const command = new Command('install').description(
    'Have the daemon start by itself: systemd, launchd or Windows Task Scheduler.',
  )
  const repeated = daemonStartCommand().options.filter((option) => option.attributeName() !== 'foreground')
  for (const option of repeated) command.addOption(option)
  command.option('--print', 'only show what would be installed, and how')
  return command.action(async () => {
    const global = globalOptions(command)
    // What the daemon would not start with is said now, rather than in the log of a service at boot.
    const { loadSettings, pathSettings } = await import('../../daemon/settings.ts')
    const { values } = loadSettings(global.stateDirectory, rawSettings(command.opts()), {})
    if (command.opts<{ redis?: string }>().redis !== undefined) refusePassword(values.redis)
    const names = new Set(repeated.map((option) => option.attributeName()))
    const plan = await planFor(global, optionWords(command, names, pathSettings))
    if (command.opts<{ print?: boolean }>().print === true) return print(plan, 'install', global)
    const { installService } = await import('../../daemon/service/install.ts')
    const { runCommand } = await import('../../daemon/service/service-runner.ts')
    const notes = await installService(plan, runCommand)
    const text = `Installed ${plan.file}.\nThe daemon runs, and starts by itself from now on.`
    tell(global, text, { installed: plan.file, notes }, notes)
  })
}

/** @throws MiberaError USAGE: whoever has an account may read a service's command line. */
function refusePassword(redis: string | null): void {
  if (redis === null || new URL(redis).password === '') return
  throw new MiberaError('USAGE', "--redis holds a password, which would stand in the service's command line", {
    subject: '--redis',
    hint: 'Leave it out of the URL, and name a file that has it with --redis-password-file.',
  })
}

export function daemonUninstallCommand(): Command {
  const command = new Command('uninstall')
    .description('Stop the daemon and no longer start it by itself. Jobs and bookmarks stay.')
    .option('--print', 'only show what would be done')
  return command.action(async () => {
    const global = globalOptions(command)
    const plan = await planFor(global, [])
    if (command.opts<{ print?: boolean }>().print === true) return print(plan, 'uninstall', global)
    const { uninstallService } = await import('../../daemon/service/uninstall.ts')
    const { runCommand } = await import('../../daemon/service/service-runner.ts')
    const { removed, notes } = await uninstallService(plan, runCommand)
    const text = removed ? `Removed ${plan.file}.` : `No service is installed: there is no ${plan.file}.`
    tell(global, text, { removed: removed ? plan.file : null, notes }, notes)
  })
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

async function planFor({ stateDirectory }: GlobalOptions, flags: readonly string[]): Promise<ServicePlan> {
  const { planService } = await import('../../daemon/service/service-plan.ts')
  const { thisMachine } = await import('../../daemon/service/this-machine.ts')
  return planService(serviceWish(stateDirectory, flags), thisMachine())
}

async function print(plan: ServicePlan, action: 'install' | 'uninstall', { json }: GlobalOptions): Promise<void> {
  const { planDocument, printedPlan } = await import('../render/service-plan.ts')
  process.stdout.write(json ? planDocument(plan, action) : printedPlan(plan, action, process.platform))
}

function tell({ json, quiet }: GlobalOptions, text: string, document: object, notes: readonly string[]): void {
  if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
  else if (!quiet) process.stdout.write(`${[text, ...notes].join('\n')}\n`)
}
