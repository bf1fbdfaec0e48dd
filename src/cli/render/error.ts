import { MiberaError } from '../../base/errors.ts'
import { wrap } from './wrap.ts'

/** Narrower than this, a column of single words is harder to read than what the terminal makes of long lines. */
const narrowest = 30

/**
 * The error as a person reads it: what and where, what to do, and with `verbose` how it came about.
 * @param columns where lines are broken, at spaces; nowhere if `undefined`.
 */
export function errorText(error: unknown, verbose: boolean, columns?: number): string {
  const lines = error instanceof MiberaError ? linesOf('mibera: ', error) : unexpected(error, verbose)
  // Of a stack, a line is a place.
  const stack = verbose && error instanceof Error ? stackLines(error) : []
  return `${[...broken(lines, columns), ...stack].join('\n')}\n`
}

/** An error that does not keep the command from doing what it was asked. */
export function warningText(error: MiberaError, columns?: number): string {
  return `${broken(linesOf('mibera: warning: ', error), columns).join('\n')}\n`
}

/** The error as the one JSON document on standard output. */
export function errorDocument(error: unknown): { readonly error: object } {
  if (!(error instanceof MiberaError)) {
    return {
      error: { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), retry: false },
    }
  }
  const { code, message, subject, hint, retry } = error
  return { error: { code, message, subject, hint, retry } }
}

function linesOf(beginning: string, { message, hint, code }: MiberaError): string[] {
  return [`${beginning}${message}`, ...(hint === undefined ? [] : [`  ${hint}`]), `  (${code})`]
}

function unexpected(error: unknown, verbose: boolean): string[] {
  return [
    `mibera: unexpected error: ${error instanceof Error ? error.message : String(error)}`,
    '  This is a bug in mibera, or trouble of the system. Nothing that was finished is lost.',
    ...(verbose ? [] : ['  Run again with --verbose to see where it happened.']),
  ]
}

/** What follows the first line is further in than a hint; a hint stays in one column. */
function broken(lines: readonly string[], columns: number | undefined): string[] {
  if (columns === undefined || columns < narrowest) return [...lines]
  return lines.flatMap((line) => wrap(line, columns, line.startsWith(' ') ? '' : '    '))
}

function stackLines(error: Error): string[] {
  const own = (error.stack ?? '').split('\n').map((line) => `  ${line}`)
  return error.cause instanceof Error ? [...own, '  caused by:', ...stackLines(error.cause)] : own
}
