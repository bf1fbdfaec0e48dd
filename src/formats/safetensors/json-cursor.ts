import { quote } from '../../base/quote.ts'

/** The text breaks a rule of JSON, or of the narrow shape that the caller reads. */
export class JsonError extends Error {}

/**
 * Reads JSON whose shape is known, value by value, without building a tree: what a hostile file can make it allocate is
 * what its caller keeps, and depth is the caller's own. Stricter than `JSON.parse`: names in an object are unique
 * (compared after unescaping) and strings are valid Unicode. Linear in the length of the text.
 */
export class JsonCursor {
  readonly #text: string
  #position = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Reads an object; `member` must read the value of each. `what` names the object in messages. */
  object(what: string, maxMembers: number, member: (name: string) => void): void {
    const names = new Set<string>()
    this.#list('{', '}', what, () => {
      const name = this.string(`a name in ${what}`)
      if (names.has(name)) throw this.error(`${what} has the name ${quote(name)} twice`)
      if (names.size === maxMembers) throw this.error(`${what} has more than ${maxMembers} members`)
      names.add(name)
      this.#expect(':', what)
      member(name)
    })
  }

  /** Reads an array; `element` must read each element. */
  array(what: string, element: () => void): void {
    this.#list('[', ']', what, element)
  }

  string(what: string): string {
    this.#skipSpace()
    const start = this.#position
    const escaped = this.#skipString(what)
    const literal = this.#text.slice(start, this.#position)
    const value = escaped ? this.#unescape(literal, what) : literal.slice(1, -1)
    if (/\p{Surrogate}/u.test(value)) throw this.error(`${what} has half of a surrogate pair`)
    return value
  }

  /** A whole number from 0 to 2^53 − 1, without sign, fraction or exponent. */
  size(what: string): number {
    this.#skipSpace()
    const start = this.#position
    while (isDigit(this.#text.charCodeAt(this.#position))) this.#position++
    const digits = this.#position - start
    const leadingZero = digits > 1 && this.#text[start] === '0'
    const next = this.#text[this.#position]
    if (digits === 0 || leadingZero || next === '.' || next === 'e' || next === 'E') {
      throw this.error(`${what} is not a whole number ≥ 0`)
    }
    const value = digits > 16 ? Number.POSITIVE_INFINITY : Number(this.#text.slice(start, this.#position))
    if (!Number.isSafeInteger(value)) throw this.error(`${what} is not below 2^53`)
    return value
  }

  /** Passes over any value at most `depth` arrays and objects deep. */
  skip(what: string, depth: number): void {
    this.#skipSpace()
    const first = this.#text[this.#position]
    if ((first === '{' || first === '[') && depth === 0) throw this.error(`${what} is nested too deeply`)
    if (first === '[') this.#list('[', ']', what, () => this.skip(what, depth - 1))
    else if (first === '{') {
      this.#list('{', '}', what, () => {
        this.string(what)
        this.#expect(':', what)
        this.skip(what, depth - 1)
      })
    } else if (first === '"') this.string(what)
    else this.#skipLiteral(what)
  }

  /** Nothing but white space may follow. */
  end(): void {
    this.#skipSpace()
    if (this.#position < this.#text.length) throw this.error('something follows the closing brace')
  }

  error(what: string): JsonError {
    return new JsonError(`${what} (character ${this.#position})`)
  }

  #list(open: string, close: string, what: string, item: () => void): void {
    this.#expect(open, what)
    if (this.#accept(close)) return
    do item()
    while (this.#accept(','))
    this.#expect(close, what)
  }

  #accept(character: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#position] !== character) return false
    this.#position++
    return true
  }

  #expect(character: string, what: string): void {
    if (!this.#accept(character)) throw this.error(`${what}: expected ${quote(character)}, found ${this.#found()}`)
  }

  #found(): string {
    const code = this.#text.codePointAt(this.#position)
    return code === undefined ? 'the end' : quote(String.fromCodePoint(code))
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#position)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#position++
    }
  }

  /** Moves behind the closing quote; returns whether anything is escaped. */
  #skipString(what: string): boolean {
    if (this.#text[this.#position] !== '"') throw this.error(`${what}: expected a string, found ${this.#found()}`)
    let escaped = false
    for (this.#position++; this.#position < this.#text.length; this.#position++) {
      const code = this.#text.charCodeAt(this.#position)
      if (code === 0x22) {
        this.#position++
        return escaped
      }
      if (code < 0x20) throw this.error(`${what} has a raw control character`)
      if (code === 0x5c) {
        escaped = true
        this.#position++
      }
    }
    throw this.error(`${what} is a string without an end`)
  }

  #unescape(literal: string, what: string): string {
    try {
      return JSON.parse(literal) as string
    } catch {
      throw this.error(`${what} has an invalid escape`)
    }
  }

  #skipLiteral(what: string): void {
    const literal = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
    literal.lastIndex = this.#position
    if (!literal.test(this.#text)) throw this.error(`${what}: expected a value, found ${this.#found()}`)
    this.#position = literal.lastIndex
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
