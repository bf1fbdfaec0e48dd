import type { Command, CommanderError } from 'commander'
import { MiberaError } from '../base/errors.ts'

/** Commander's words for a command line that it cannot make sense of, as an error like all others. */
export function usageError(error: CommanderError, words: readonly string[], program: Command): MiberaError {
  const help = helpFor(words, program)
  if (error.code === 'commander.help') return new MiberaError('USAGE', 'no command was given', { hint: help })
  const [message = '', ...suggestions] = error.message.replace(/^error: /, '').split('\n')
  // "(Did you mean convert?)"
  const suggestion = suggestions.map((line) => `${line.replaceAll(/[()]/g, '')} `).join('')
  return new MiberaError('USAGE', message, { hint: `${suggestion}${help}` })
}

/** Names the help of the command that the words lead to: that of "daemon" does not have the options of "daemon start". */
function helpFor(words: readonly string[], program: Command): string {
  let command = program
  for (const word of words) command = command.commands.find((inner) => inner.name() === word) ?? command
  const names: string[] = []
  for (let outer: Command | null = command; outer !== null; outer = outer.parent) names.unshift(outer.name())
  const listed = command.commands.length > 0 ? 'commands and options' : 'options'
  return `${names.join(' ')} --help lists the ${listed}.`
}
