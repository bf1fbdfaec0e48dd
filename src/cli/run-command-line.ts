import { CommanderError } from 'commander'
import { exitStatus } from '../base/error-codes.ts'
import { MiberaError } from '../base/errors.ts'
import { ExitRequest } from './exit-request.ts'
import { buildProgram } from './program.ts'
import { errorDocument, errorText } from './render/error.ts'

/** Runs one command line and returns the exit status. Everything that can go wrong ends here as one clear message. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  ignoreClosedPipes()
  const program = buildProgram()
  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has already printed its message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitStatus.usage
    if (error instanceof ExitRequest) return error.status
    const { json, verbose } = program.opts<{ json?: boolean; verbose?: boolean }>()
    if (json) process.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`)
    process.stderr.write(errorText(error, verbose === true))
    return error instanceof MiberaError ? error.exit : exitStatus.internal
  }
}

/** `mibera plan … | head` closes our output early; that is no error. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0)
      throw error
    })
  }
}
