import { resolve } from 'node:path'
import type { Command, Option } from 'commander'

/**
 * The options given to a command, written out again for a command line that runs later and elsewhere.
 * @param names attribute names of the options to write.
 * @param paths those of them that name paths: they become absolute.
 */
export function optionWords(command: Command, names: ReadonlySet<string>, paths: ReadonlySet<string>): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName()
    if (!names.has(name) || command.getOptionValueSource(name) !== 'cli') return []
    return wordsOf(option, command.getOptionValue(name), paths.has(name))
  })
}

function wordsOf(option: Option, value: unknown, path: boolean): string[] {
  const long = option.long ?? ''
  if (value === true) return [long]
  if (value instanceof Map) return [...value].flatMap(([key, one]) => [long, `${key}=${one}`])
  const values: unknown[] = Array.isArray(value) ? value : [value]
  const texts = values.map((one) => (path ? resolve(String(one)) : textOf(one)))
  // What was repeated is repeated; what was one list is one list.
  return path ? texts.flatMap((text) => [long, text]) : [long, texts.join(',')]
}

/** Types are parsed to records with a name; all else is a text or a number. */
function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'name' in value ? String(value.name) : String(value)
}
