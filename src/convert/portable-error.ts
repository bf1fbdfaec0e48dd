import { isErrorCode } from '../base/error-codes.ts'
import { MiberaError, systemCode } from '../base/errors.ts'
import type { PortableError } from './protocol.ts'

/** An error as plain data, to be sent to another thread. */
export function toPortable(error: unknown): PortableError {
  const mibera = error instanceof MiberaError ? error : undefined
  const plain = error instanceof Error ? error : new Error(String(error))
  return {
    code: mibera?.code ?? systemCode(error),
    message: plain.message,
    subject: mibera?.subject,
    hint: mibera?.hint,
    stack: plain.stack,
  }
}

/** The error again: a MiberaError if it was one, else an Error with its system code. */
export function fromPortable({ code, message, subject, hint, stack }: PortableError): Error {
  if (code !== undefined && isErrorCode(code)) {
    return new MiberaError(code, message, {
      subject,
      hint,
    })
  }
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return code === undefined ? error : Object.assign(error, { code })
}
