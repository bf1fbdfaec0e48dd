/**
 * Arguments joined into one Windows command line that programs split into the same arguments again, by the rules of
 * Microsoft's C runtime ("Parsing C command-line arguments"), and in which nothing can be taken for an environment
 * variable (`%NAME%`) or a Task Scheduler variable (`$(Arg0)`).
 *
 * There is no escape for `%`: each one stands outside of quotes, so that what lies between two of them begins with a
 * quote, as the name of no variable does. Names that are not found are left as they are.
 */
export function windowsCommandLine(argv: readonly string[]): string {
  return argv.map(quoteArgument).join(' ')
}

function quoteArgument(argument: string): string {
  if (/^[\w.:/\\-]+$/.test(argument)) return argument
  if (argument === '') return '""'
  // Empty pieces are left out: two quotes in a row inside of quotes would mean a quote.
  return argument
    .split(/(%|\$(?=\())/)
    .map((piece) => (piece === '%' || piece === '$' || piece === '' ? piece : quotePiece(piece)))
    .join('')
}

/** Backslashes are plain unless a quote follows: those before a quote, and before the closing one, are doubled. */
function quotePiece(piece: string): string {
  return `"${piece.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`
}
