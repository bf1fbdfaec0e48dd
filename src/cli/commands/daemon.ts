import { Command } from 'commander'
import { exitStatus } from '../../base/error-codes.ts'
import { DaemonClient } from '../../daemon/client.ts'
import type { SettingsView, Status } from '../../daemon/protocol.ts'
import { ExitRequest } from '../exit-request.ts'
import { globalOptions } from '../global-options.ts'
import { daemonText } from '../render/daemon-view.ts'
import { daemonLogsCommand } from './daemon-logs.ts'
import { daemonInstallCommand, daemonUninstallCommand } from './daemon-service.ts'
import { daemonStartCommand } from './daemon-start.ts'
import { daemonTokenCommand } from './daemon-token.ts'

/** `mibera daemon …`: each subcommand is made by a function of its own. */
export function daemonCommand(): Command {
  const group = new Command('daemon').description('Convert in the background: watch folders, resume after a reboot.')
  const subcommands = [
    daemonStartCommand(),
    daemonStopCommand(),
    daemonStatusCommand(),
    daemonLogsCommand(),
    daemonTokenCommand(),
    daemonInstallCommand(),
    daemonUninstallCommand(),
  ]
  for (const subcommand of subcommands) group.addCommand(subcommand)
  return group
}

function daemonStopCommand(): Command {
  const command = new Command('stop').description('End the daemon; what it was doing goes on when it is started again.')
  return command.action(async () => {
    const { stateDirectory, json, quiet } = globalOptions(command)
    const stopped = await new DaemonClient(stateDirectory).stop()
    if (json) process.stdout.write(`${JSON.stringify({ stopped }, null, 2)}\n`)
    else if (!quiet) process.stdout.write(stopped ? 'The daemon has stopped.\n' : 'No daemon runs.\n')
  })
}

/** Its exit status tells whether the daemon runs: what a health check asks. */
function daemonStatusCommand(): Command {
  const command = new Command('status').description('Show whether the daemon runs, how, and with which settings.')
  return command.action(async () => {
    const { stateDirectory, json } = globalOptions(command)
    const client = new DaemonClient(stateDirectory)
    const status = await client.ask<Status>('GET', '/v1/status')
    const settings = status === undefined ? undefined : await client.ask<SettingsView>('GET', '/v1/settings')
    const daemon = status?.daemon ?? null
    if (json) process.stdout.write(`${JSON.stringify({ daemon, counts: status?.counts, settings }, null, 2)}\n`)
    else process.stdout.write(daemonText(stateDirectory, status, settings))
    if (daemon === null) throw new ExitRequest(exitStatus.conflict)
  })
}
