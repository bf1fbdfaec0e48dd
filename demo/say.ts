import type { WriteStream } from 'node:tty'

export const columns = 80

/** Everything that the demo prints. */
export class Say {
  readonly #stream: WriteStream
  readonly #bold: (text: string) => string
  #headings = 0

  constructor(stream: WriteStream) {
    this.#stream = stream
    const color = stream.isTTY === true && process.env.NO_COLOR === undefined
    this.#bold = color ? (text) => `\x1b[1m${text}\x1b[22m` : (text) => text
  }

  /** What the next step shows, in one line. */
  heading(text: string): void {
    this.#headings++
    this.line(`\n${this.#bold(`== ${this.#headings}. ${text}`)}`)
  }

  /** A command line as it is being run, broken before options where it is too long. */
  command(text: string): void {
    const lines = wrap(text, columns - 6, / (?=--)/)
    this.line(this.#bold(`$ ${lines.join(' \\\n    ')}`))
  }

  /** Words of the demo itself, as a comment among the output of commands. */
  remark(text: string): void {
    for (const line of wrap(text, columns - 2)) this.line(`# ${line}`)
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`)
  }

  summary(text: string): void {
    this.line(`\n${this.#bold(text)}`)
  }

  failure(text: string): void {
    this.#stream.write('\n')
    process.stderr.write(`${this.#bold(text)}\n`)
  }
}

function wrap(text: string, width: number, gap: RegExp | string = ' '): string[] {
  const lines = ['']
  for (const word of text.split(gap)) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
