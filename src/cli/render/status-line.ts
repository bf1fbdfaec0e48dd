import type { WriteStream } from 'node:tty'
import { wrap } from './wrap.ts'

const eraseLine = '\r\x1b[2K'

/** One line at the bottom that is drawn again and again on a terminal; elsewhere each drawing is a line of its own. */
export class StatusLine {
  readonly #stream: WriteStream
  #drawn = false

  constructor(stream: WriteStream) {
    this.#stream = stream
  }

  get terminal(): boolean {
    return this.#stream.isTTY === true
  }

  get columns(): number {
    // A terminal whose size nobody set says 0.
    return this.terminal && this.#stream.columns > 0 ? this.#stream.columns : 80
  }

  draw(line: string): void {
    if (!this.terminal) {
      this.#stream.write(`${line}\n`)
      return
    }
    this.#stream.write(`${eraseLine}${line.slice(0, this.columns - 1)}`)
    this.#drawn = true
  }

  /** A line that stays. */
  note(line: string): void {
    this.clear()
    this.#stream.write(`${line}\n`)
  }

  /** Sentences that stay: broken at spaces where the terminal would break them anywhere. */
  say(text: string): void {
    for (const line of this.terminal ? wrap(text, this.columns) : [text]) this.note(line)
  }

  clear(): void {
    if (this.#drawn) this.#stream.write(eraseLine)
    this.#drawn = false
  }
}
