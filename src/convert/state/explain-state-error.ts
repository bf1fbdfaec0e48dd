import { MiberaError, systemCode } from '../../base/errors.ts'

/** SQLite's codes for a file that is not a database, or not one of this program. */
const damaged = /^SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|CONSTRAINT|MISMATCH|FORMAT)/

/** Turns SQLite's troubles with the files in a state directory into errors to act on; others pass unchanged. */
export function explainStateError(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (error instanceof MiberaError || code === undefined || !code.startsWith('SQLITE_')) return error
  const reason = `${(error as Error).message} (${code})`
  if (code === 'SQLITE_FULL') {
    return new MiberaError('DISK_FULL', `the disk filled up while writing the bookmarks ${path}`, {
      subject: path,
      hint: 'Free some space and run the same command again: it goes on where it stopped.',
      cause: error,
    })
  }
  if (damaged.test(code)) {
    return new MiberaError('STATE_DAMAGED', `the bookmarks ${path} cannot be read: ${reason}`, {
      subject: path,
      hint: 'Move them away; conversions then start from the beginning. Finished GGUF files are not affected.',
      cause: error,
    })
  }
  return new MiberaError('IO', `the bookmarks ${path} cannot be used: ${reason}`, {
    subject: path,
    hint: 'Check that you may write there and that the disk is connected and sound, or name another --state-dir.',
    cause: error,
  })
}
