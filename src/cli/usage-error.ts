import type { CommanderError } from 'commander'
import { MiberaError } from '../base/errors.ts'

/** Commander's words for a command line that it cannot make sense of, as an error like all others. */
export function usageError(error: CommanderError, words: readonly string[], commands: readonly string[]): MiberaError {
  const command = words.find((word) => commands.includes(word))
  const help = `mibera ${command === undefined ? '' : `${command} `}--help lists the ${command === undefined ? 'commands and ' : ''}options.`
  if (error.code === 'commander.help') return new MiberaError('USAGE', 'no command was given', { hint: help })
  const [message = '', ...suggestions] = error.message.replace(/^error: /, '').split('\n')
  // "(Did you mean convert?)"
  const suggestion = suggestions.map((line) => `${line.replaceAll(/[()]/g, '')} `).join('')
  return new MiberaError('USAGE', message, { hint: `${suggestion}${help}` })
}
