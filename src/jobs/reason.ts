import { MiberaError } from '../base/errors.ts'
import type { JobReason } from './job.ts'

/** What a job keeps of an error. */
export function reasonOf({ code, message, hint }: MiberaError): JobReason {
  return { code, message, ...(hint === undefined ? {} : { hint }) }
}

/** Any error as one with a code. */
export function toMiberaError(error: unknown): MiberaError {
  if (error instanceof MiberaError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new MiberaError('INTERNAL', message, { cause: error })
}
