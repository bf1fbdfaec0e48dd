import { InvalidArgumentError } from 'commander'
import { parseByteCount } from '../../base/byte-count.ts'
import { nearestName } from '../../base/nearest-name.ts'
import { findRecipe, type Recipe, recipeNames } from '../../quant/recipes.ts'

export type Recipes = readonly [Recipe, ...Recipe[]]

/** "Q3_K_M,Q2_K" → recipes, in the order given; repeatable. */
export function parseRecipes(text: string, earlier: readonly Recipe[] = []): Recipes {
  const recipes = [...earlier]
  for (const name of text.split(',')) {
    const recipe = findRecipe(name)
    if (recipe === undefined) throw new InvalidArgumentError(unknownRecipe(name))
    if (recipes.some((other) => other.name === recipe.name)) {
      throw new InvalidArgumentError(`${recipe.name} is named twice.`)
    }
    recipes.push(recipe)
  }
  return recipes as [Recipe, ...Recipe[]]
}

function unknownRecipe(name: string): string {
  const near = nearestName(name, recipeNames)
  const suggestion = near === undefined ? '' : ` Did you mean ${near}?`
  return `"${name}" is not a type.${suggestion} Types: ${recipeNames.join(', ')}.`
}

export function parseThreads(text: string): number {
  const threads = Number(text)
  if (!Number.isInteger(threads) || threads < 1 || threads > 256) {
    throw new InvalidArgumentError('Give a whole number from 1 to 256.')
  }
  return threads
}

/** The daemon's threads: with none, other machines do the work. */
export function parseDaemonThreads(text: string): number {
  return text === '0' ? 0 : parseThreads(text)
}

/** A whole number, 0 included. */
export function parseLines(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.')
  return Number(text)
}

export function parseMemory(text: string): number {
  const bytes = parseByteCount(text)
  if (bytes === undefined) throw new InvalidArgumentError('Give a size such as 512M or 1.5G.')
  return bytes
}

/** An option that may be repeated: all its values. */
export function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text]
}

/** "key=value", repeatable. A key given twice keeps its last value. */
export function parseOverride(
  text: string,
  earlier: ReadonlyMap<string, string> = new Map(),
): ReadonlyMap<string, string> {
  const separator = text.indexOf('=')
  if (separator < 1) throw new InvalidArgumentError('Give key=value, e.g. head_size=128.')
  return new Map([...earlier, [text.slice(0, separator).trim(), text.slice(separator + 1).trim()]])
}
