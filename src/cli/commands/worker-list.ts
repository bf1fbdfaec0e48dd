import { Command } from 'commander'
import { exitStatus } from '../../base/error-codes.ts'
import { DaemonClient } from '../../daemon/client.ts'
import type { Status } from '../../daemon/protocol.ts'
import { ExitRequest } from '../exit-request.ts'
import { globalOptions } from '../global-options.ts'
import { screenColumns } from '../render/screen.ts'
import { workersTable } from '../render/worker-lines.ts'

/** `mibera worker list`: who works for this machine's daemon. Asked of the daemon: only it knows. */
export function workerListCommand(): Command {
  const command = new Command('list').description("List the machines that work for this machine's daemon.")
  return command.action(async () => {
    const { stateDirectory, json } = globalOptions(command)
    const status = await new DaemonClient(stateDirectory).ask<Status>('GET', '/v1/status')
    if (json) process.stdout.write(`${JSON.stringify(status?.workers ?? [], null, 2)}\n`)
    else if (status === undefined) process.stdout.write(`No daemon runs for ${stateDirectory}.\n`)
    else process.stdout.write(workersTable(status.workers, status.at, screenColumns()))
    if (status === undefined) throw new ExitRequest(exitStatus.conflict)
  })
}
