/** Characters of a foreign name that a message shows. */
const shownCharacters = 120

/**
 * A name from a foreign file, fit for a message: in double quotes, control characters escaped so that a terminal is
 * never driven by them, and clipped so that a hostile name cannot drown the message.
 */
export function quote(name: string): string {
  const shown = name.length > shownCharacters ? `${name.slice(0, shownCharacters)}…` : name
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, escapeCharacter)
}

/** A name as it is where it is harmless, as most file names are; otherwise as {@link quote} shows it. */
export function quoteIfOdd(name: string): string {
  return name.length <= shownCharacters && /^[\w.-]+$/.test(name) ? name : quote(name)
}

/** The first `limit` of `items`, separated by commas, and how many more there are. */
export function listFirst(items: readonly string[], limit: number): string {
  const shown = items.slice(0, limit).join(', ')
  return items.length > limit ? `${shown} and ${items.length - limit} more` : shown
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
