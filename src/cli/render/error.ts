import { MiberaError } from '../../base/errors.ts'

/** The error as a person reads it: what and where, what to do, and with `verbose` how it came about. */
export function errorText(error: unknown, verbose: boolean): string {
  const lines: string[] = []
  if (error instanceof MiberaError) {
    lines.push(`mibera: ${error.message}`)
    if (error.hint !== undefined) lines.push(`  ${error.hint}`)
    lines.push(`  (${error.code})`)
  } else {
    lines.push(`mibera: unexpected error: ${error instanceof Error ? error.message : String(error)}`)
    lines.push('  This is a bug in mibera, or trouble of the system. Nothing that was finished is lost.')
    if (!verbose) lines.push('  Run again with --verbose to see where it happened.')
  }
  if (verbose && error instanceof Error) lines.push(...stackLines(error))
  return `${lines.join('\n')}\n`
}

/** The error as the one JSON document on standard output. */
export function errorDocument(error: unknown): object {
  if (!(error instanceof MiberaError)) {
    return {
      error: { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), retry: false },
    }
  }
  const { code, message, subject, hint, retry } = error
  return { error: { code, message, subject, hint, retry } }
}

function stackLines(error: Error): string[] {
  const own = (error.stack ?? '').split('\n').map((line) => `  ${line}`)
  return error.cause instanceof Error ? [...own, '  caused by:', ...stackLines(error.cause)] : own
}
