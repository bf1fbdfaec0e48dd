import { readFileSync } from 'node:fs'
import { MiberaError } from '../base/errors.ts'

/** The token as a worker uses it: read from its file, and read again when it is refused. */
export class TokenReader {
  readonly file: string
  #current: string | undefined

  constructor(file: string) {
    this.file = file
  }

  /** @throws MiberaError TOKEN_UNUSABLE */
  get current(): string {
    return this.#current ?? this.read()
  }

  /** @throws MiberaError TOKEN_UNUSABLE when there is no such file, or it holds no token. */
  read(): string {
    const text = this.#text().trim()
    // What may stand in a header.
    if (!/^[\x21-\x7e]{1,4096}$/.test(text)) throw this.#unusable('holds no token', undefined)
    this.#current = text
    return text
  }

  #text(): string {
    try {
      return readFileSync(this.file, 'utf8')
    } catch (cause) {
      throw this.#unusable(`cannot be read: ${(cause as Error).message}`, cause)
    }
  }

  #unusable(why: string, cause: unknown): MiberaError {
    return new MiberaError('TOKEN_UNUSABLE', `the token file ${this.file} ${why}`, {
      subject: this.file,
      hint: 'Copy the file that the daemon was started with (--token-file) to this machine, readable for you alone.',
      cause,
    })
  }
}
