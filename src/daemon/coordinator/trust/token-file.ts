import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { MiberaError } from '../../../base/errors.ts'
import type { Log } from '../../log.ts'

/** Printable ASCII, so that it can stand in a header. */
const lawfulToken = /^[\x21-\x7e]{16,1024}$/
/** How often (ms) the file is looked at, at the most. */
const lookEvery = 1000

/**
 * The secret that workers show, as its file has it now: another file under the same name, or other content, is noticed
 * within a second, so that a token can be changed while the daemon runs. While the file is missing or unusable, nobody
 * is let in.
 */
export class TokenFile {
  readonly #path: string
  readonly #log: Log
  readonly #now: () => number
  #seen: string | undefined
  #looked = Number.NEGATIVE_INFINITY
  #digest: Buffer | undefined

  /**
   * Reads the file.
   * @throws MiberaError TOKEN_UNUSABLE
   */
  constructor(path: string, log: Log, now = () => performance.now()) {
    this.#path = path
    this.#log = log
    this.#now = now
    readToken(path)
    this.#look()
  }

  /** Whether this is the token. The time that it takes tells nothing of the token, its length included. */
  matches(presented: string): boolean {
    this.#look()
    const digest = digestOf(presented)
    return this.#digest !== undefined && timingSafeEqual(digest, this.#digest)
  }

  #look(): void {
    if (this.#now() - this.#looked < lookEvery) return
    this.#looked = this.#now()
    const seen = stateOf(this.#path)
    if (seen !== undefined && seen === this.#seen) return
    const known = this.#digest
    try {
      this.#digest = digestOf(readToken(this.#path))
      this.#seen = seen
      if (known !== undefined && !known.equals(this.#digest)) this.#log.info('the token of the workers has changed')
    } catch (error) {
      this.#digest = undefined
      this.#seen = undefined
      if (known !== undefined) this.#log.error({ err: error }, 'no worker is let in: the token cannot be read')
    }
  }
}

/**
 * The token that a file holds; white space around it is ignored.
 * @throws MiberaError TOKEN_UNUSABLE
 */
export function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw unusable(path, `cannot be read: ${(cause as Error).message}`, cause)
  }
  if (lawfulToken.test(text)) return text
  throw unusable(path, 'holds no token: 16 to 1024 letters, digits and signs, without spaces')
}

/** Equal as long as nobody has touched the file. */
function stateOf(path: string): string | undefined {
  const stats = lookAt(path)
  return stats === undefined ? undefined : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(' ')
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** Digests have one length, and say nothing about how much of two texts is the same. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function unusable(path: string, why: string, cause?: unknown): MiberaError {
  return new MiberaError('TOKEN_UNUSABLE', `the token file ${path} ${why}`, {
    subject: path,
    hint: '"mibera daemon token FILE" makes one. Give it to the daemon and, by a safe way, to each worker.',
    ...(cause === undefined ? {} : { cause }),
  })
}
