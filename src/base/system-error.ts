import { MiberaError, systemCode } from './errors.ts'

/** Codes of the operating system, as EACCES or EROFS; Node's own begin with ERR_ and mean mistakes of this program. */
const systemCodes = /^(E[A-Z0-9]+|UNKNOWN)$/

/** Turns trouble of the operating system into an error that a person can act on; other errors pass unchanged. */
export function explainSystemError(error: unknown): unknown {
  const code = systemCode(error)
  if (error instanceof MiberaError || code === undefined || !systemCodes.test(code)) return error
  return new MiberaError('IO', (error as Error).message, {
    hint: 'Check that the path is right, that you may read and write there, and that the disk is connected and sound.',
    cause: error,
  })
}
