import { MiberaError } from '#dist/base/errors.js'

/** The MiberaError that `work` ends with; any other end is a failure of the test. */
export async function refusal(work: Promise<unknown>): Promise<MiberaError> {
  let result: unknown
  try {
    result = await work
  } catch (error) {
    if (error instanceof MiberaError) return error
    throw error
  }
  throw new Error(`was not refused, but gave ${String(result)}`)
}
