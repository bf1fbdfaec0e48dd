import { readToken } from '../daemon/coordinator/trust/token-file.ts'

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
    this.#current = readToken(this.file)
    return this.#current
  }

  /** As {@link read}; while the file is being replaced, what it held before. */
  readAgain(): string {
    try {
      return this.read()
    } catch {
      return this.current
    }
  }
}
