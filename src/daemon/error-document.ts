import type { MiberaError } from '../base/errors.ts'

/** How the control API and the listener for workers tell an error; docs/errors.md documents it. */
export function errorDocument({ code, message, subject, hint, retry }: MiberaError) {
  return { error: { code, message, subject, hint, retry } }
}
