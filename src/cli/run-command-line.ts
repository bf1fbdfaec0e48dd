import { CommanderError } from 'commander'
import { exitStatus } from '../base/error-codes.ts'
import { MiberaError } from '../base/errors.ts'
import { explainSystemError } from '../base/system-error.ts'
import { ExitRequest } from './exit-request.ts'
import { watchOutputStreams } from './output-streams.ts'
import { buildProgram } from './program.ts'
import { errorDocument, errorText } from './render/error.ts'
import { errorColumns } from './render/screen.ts'
import { usageError } from './usage-error.ts'

/** Runs one command line and returns the exit status. Everything that can go wrong ends here as one clear message. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  watchOutputStreams()
  const program = await buildProgram(words)
  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof ExitRequest) return error.status
    if (!(error instanceof CommanderError)) return tell(explainSystemError(error), words)
    // The help or the version that was asked for.
    if (error.exitCode === 0) return 0
    return tell(usageError(error, words, program), words)
  }
}

/** Prints the error and returns its exit status. Options are looked for in the words: they may not have been parsed. */
function tell(error: unknown, words: readonly string[]): number {
  const end = words.indexOf('--')
  const options = end < 0 ? words : words.slice(0, end)
  if (options.includes('--json')) process.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`)
  process.stderr.write(errorText(error, options.includes('--verbose'), errorColumns()))
  return error instanceof MiberaError ? error.exit : exitStatus.internal
}
