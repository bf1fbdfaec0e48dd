import { Command } from 'commander'
import { programVersion } from './version.ts'

/** Commands in the order of the help, each with the module that makes it. */
const commands: readonly { readonly name: string; load(): Promise<Command> }[] = [
  { name: 'convert', load: async () => (await import('./commands/convert.ts')).convertCommand() },
  { name: 'inspect', load: async () => (await import('./commands/inspect.ts')).inspectCommand() },
  { name: 'plan', load: async () => (await import('./commands/plan.ts')).planCommand() },
  { name: 'verify', load: async () => (await import('./commands/verify.ts')).verifyCommand() },
  { name: 'daemon', load: async () => (await import('./commands/daemon.ts')).daemonCommand() },
  { name: 'jobs', load: async () => (await import('./commands/jobs.ts')).jobsCommand() },
  { name: 'worker', load: async () => (await import('./commands/worker.ts')).workerCommand() },
]

/**
 * The command line for these words. Global options may stand before or after the command. Only commands whose name is
 * among the words are loaded, all if none is: `mibera jobs status` must not wait for what a conversion needs. Modules of
 * commands hold their options; what a command does is loaded when it is done.
 */
export async function buildProgram(words: readonly string[]): Promise<Command> {
  const program: Command = new Command('mibera')
    .description('Turns a folder of Hugging Face safetensors into a quantized GGUF for llama.cpp.')
    .version(programVersion())
    .option('--state-dir <dir>', 'where bookmarks are kept')
    .option('--json', 'print one JSON document on standard output')
    .option('--quiet', 'print only results and trouble')
    .option('--verbose', 'print more, with the origin of errors')
    .option('--no-color', 'no colours (also: the variable NO_COLOR)')
    .showSuggestionAfterError()
    // Errors are printed by runCommandLine, all in the same form.
    .configureOutput({ outputError: () => {} })
    .configureHelp({
      showGlobalOptions: true,
      // Of the program only: "worker list" has nothing of what "worker" is told.
      visibleGlobalOptions: ({ parent }) => (parent === null ? [] : [...program.options]),
      minWidthToWrap: 30,
    })
    .exitOverride()
  const wanted = commands.filter(({ name }) => words.includes(name))
  const all = wanted.length === 0 && !words.some((word) => word === '--version' || word === '-V')
  for (const { name, load } of commands) {
    const needed = all || wanted.some((command) => command.name === name)
    // One that is not needed is known by its name alone, for suggestions.
    program.addCommand(needed ? await load() : new Command(name))
  }
  inheritSettings(program)
  return program.addHelpText('after', helpTail)
}

function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent)
    inheritSettings(command)
  }
}

const helpTail = `
Examples:
  mibera inspect ./mibera-v1-merged
  mibera plan ./mibera-v1-merged
  mibera convert ./mibera-v1-merged --type Q3_K_M --out mibera-Q3_K_M.gguf
  mibera daemon start --watch ./models --type Q3_K_M
  mibera jobs status --watch

Exit status:
  0 done                   5 in conflict with what exists
  1 a bug in mibera        6 not enough disk or memory
  2 wrong usage            7 verification failed
  3 the input is unfit     8 reading or writing failed
  4 an answer is needed    130 interrupted, and resumable`
