/** Beyond this, lines are hard to follow with the eye. */
const widest = 110

/** Columns that a view on standard output may use. */
export function screenColumns(): number {
  const { columns } = process.stdout
  // A terminal whose size nobody set says 0; a pipe has none.
  return columns > 0 ? Math.min(columns, widest) : 80
}

/**
 * Columns at which errors are broken into lines: those of the terminal, 80 where nobody set its size; `undefined` where
 * standard error is no terminal: programs and logs want each sentence whole.
 */
export function errorColumns(): number | undefined {
  const { isTTY, columns } = process.stderr
  if (isTTY !== true) return undefined
  return columns > 0 ? columns : 80
}

/** A picture of several lines at the bottom of a terminal, drawn again and again; elsewhere each is printed below the last. */
export class LivePicture {
  #lines = 0

  draw(text: string): void {
    const { stdout } = process
    if (stdout.isTTY !== true) {
      stdout.write(`${text}\n`)
      return
    }
    // A picture taller than the screen could not be drawn over.
    const lines = text
      .trimEnd()
      .split('\n')
      .slice(0, Math.max(1, (stdout.rows || 24) - 1))
    const back = this.#lines === 0 ? '' : `\x1b[${this.#lines}A`
    stdout.write(`${back}\r\x1b[J${lines.join('\n')}\n`)
    this.#lines = lines.length
  }
}
