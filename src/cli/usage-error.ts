import type { Command, CommanderError } from 'commander'
import { MiberaError } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { quote } from '../base/quote.ts'
import { findRecipe } from '../quant/recipes.ts'

/** Commander's words for a command line that it cannot make sense of, as an error like all others. */
export function usageError(error: CommanderError, words: readonly string[], program: Command): MiberaError {
  const command = commandOf(words, program)
  const help = helpFor(command)
  if (error.code === 'commander.help') return new MiberaError('USAGE', 'no command was given', { hint: help })
  if (error.code === 'commander.excessArguments') return tooMany(command)
  const [message = '', ...suggestions] = error.message.replace(/^error: /, '').split('\n')
  // "(Did you mean convert?)"
  const suggestion = suggestions.map((line) => `${line.replaceAll(/[()]/g, '')} `).join('')
  return new MiberaError('USAGE', message, { hint: `${suggestion}${help}` })
}

/** For a command that has others below it, a word too many is most likely the name of one. */
function tooMany(command: Command): MiberaError {
  const taken = command.registeredArguments.length
  const word = command.args[taken] ?? ''
  const names = command.commands.map((inner) => inner.name())
  const near = nearestName(word, names)
  const suggestion = near === undefined ? '' : `Did you mean ${near}? `
  const what =
    taken === 0 ? 'only options' : `${taken === 1 ? 'one word' : `${taken} words`} and options: quote what has spaces`
  const message =
    names.length > 0 ? `there is no command ${quote(`${pathOf(command)} ${word}`)}` : `${quote(word)} is too much`
  const isType = findRecipe(word) !== undefined
  if (isType)
    return new MiberaError('USAGE', message, {
      subject: word,
      hint: 'Give several types as one word: --type Q3_K_M,Q2_K.',
    })
  const takes = names.length > 0 ? '' : `"${pathOf(command)}" takes ${what}. `
  return new MiberaError('USAGE', message, { subject: word, hint: `${suggestion}${takes}${helpFor(command)}` })
}

/** The command that the words lead to. */
function commandOf(words: readonly string[], program: Command): Command {
  let command = program
  for (const word of words) command = command.commands.find((inner) => inner.name() === word) ?? command
  return command
}

/** Names the help of that very command: that of "daemon" does not have the options of "daemon start". */
function helpFor(command: Command): string {
  const listed = command.commands.length > 0 ? 'commands and options' : 'options'
  return `${pathOf(command)} --help lists the ${listed}.`
}

/** "mibera daemon start". */
function pathOf(command: Command): string {
  const names: string[] = []
  for (let outer: Command | null = command; outer !== null; outer = outer.parent) names.unshift(outer.name())
  return names.join(' ')
}
