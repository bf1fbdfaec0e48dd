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
    .showHelpAfterError('(mibera --help lists the commands and options)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
  for (const command of [convertCommand(), inspectCommand(), planCommand(), verifyCommand()]) {
    command.copyInheritedSettings(program).showHelpAfterError(`(mibera ${command.name()} --help lists the options)`)
    program.addCommand(command)
  }
  return program.addHelpText('after', helpTail)
}

const helpTail = `
Examples:
  mibera inspect ./mibera-v1-merged
  mibera plan ./mibera-v1-merged
  mibera convert ./mibera-v1-merged --type Q3_K_M --out mibera-Q3_K_M.gguf

Exit status: 0 done, 2 wrong usage, 3 the input is unfit, 4 an answer is needed, 5 in conflict with what exists,
6 not enough disk or memory, 7 verification failed, 8 input or output failed, 130 interrupted (and resumable).`
