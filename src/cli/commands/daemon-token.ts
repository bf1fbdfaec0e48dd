import { resolve } from 'node:path'
import { Command } from 'commander'
import { globalOptions } from '../global-options.ts'

/** `mibera daemon token FILE`: makes what workers show to the daemon, or replaces it. */
export function daemonTokenCommand(): Command {
  const command = new Command('token')
    .description('Write a new token for workers into a file; a running daemon takes it at once.')
    .argument('<file>', 'file that only you may read then; workers need a copy of it')
    .option('--force', 'replace the token that is there: it is no longer accepted then')
  return command.action(async (file: string, { force }: { force?: boolean }) => {
    const { json, quiet } = globalOptions(command)
    const { writeNewToken } = await import('../../daemon/coordinator/trust/new-token.ts')
    const path = resolve(file)
    await writeNewToken(path, { replace: force === true })
    if (json) process.stdout.write(`${JSON.stringify({ tokenFile: path }, null, 2)}\n`)
    else if (!quiet) process.stdout.write(`${path} has a new token. Copy the file to each worker.\n`)
  })
}
