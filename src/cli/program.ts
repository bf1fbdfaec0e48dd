import { Command } from 'commander'
import { convertCommand } from './commands/convert.ts'
import { inspectCommand } from './commands/inspect.ts'
import { planCommand } from './commands/plan.ts'
import { verifyCommand } from './commands/verify.ts'
import { programVersion } from './version.ts'

/** The whole command line. Global options may stand before or after the command. */
export function buildProgram(): Command {
  const program = new Command('mibera')
    .description('Turns a folder of Hugging Face safetensors into a quantized GGUF for llama.cpp.')
    .version(programVersion())
    .option('--state-dir <dir>', 'where bookmarks are kept')
    .option('--json', 'print one JSON document on standard output')
    .option('--quiet', 'print only results and errors')
    .option('--verbose', 'print more, with the origin of errors')
    .option('--no-color', 'no colours (also: the variable NO_COLOR)')
    .showSuggestionAfterError()
    // Errors are printed by runCommandLine, all in the same form.
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 30 })
    .exitOverride()
  for (const command of [convertCommand(), inspectCommand(), planCommand(), verifyCommand()]) {
    program.addCommand(command.copyInheritedSettings(program))
  }
  return program.addHelpText('after', helpTail)
}

const helpTail = `
Examples:
  mibera inspect ./mibera-v1-merged
  mibera plan ./mibera-v1-merged
  mibera convert ./mibera-v1-merged --type Q3_K_M --out mibera-Q3_K_M.gguf

Exit status:
  0 done                   5 in conflict with what exists
  1 a bug in mibera        6 not enough disk or memory
  2 wrong usage            7 verification failed
  3 the input is unfit     8 reading or writing failed
  4 an answer is needed    130 interrupted, and resumable`
