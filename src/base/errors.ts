import { type ErrorCode, errorCodes } from './error-codes.ts'

export interface ErrorDetails {
  /** What it happened to: a path, a tensor, an option. */
  readonly subject?: string | undefined
  /** What the reader can do about it, as an imperative sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * An error meant to be read by a person. `message` says what went wrong and where; `hint` what to do. Programs decide
 * by `code` alone: nothing may match on the text.
 */
export class MiberaError extends Error {
  override readonly name = 'MiberaError'
  readonly code: ErrorCode
  readonly subject: string | undefined
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.subject = details.subject
    this.hint = details.hint
  }

  /** Whether trying again later can help without a change of input. */
  get retry(): boolean {
    return errorCodes[this.code].retry
  }

  get exit(): number {
    return errorCodes[this.code].exit
  }
}

/** The code of an operating-system error (`ENOENT`, `ENOSPC`, …), if it is one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
