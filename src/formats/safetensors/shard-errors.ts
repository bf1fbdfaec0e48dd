import type { ErrorCode } from '../../base/error-codes.ts'
import { MiberaError } from '../../base/errors.ts'
import { quoteIfOdd } from '../../base/quote.ts'

const hints = {
  SHARD_MALFORMED: 'Download the shard again; if it stays like this, it was written wrongly: ask its publisher.',
  SHARD_TRUNCATED: 'Let the download finish, or download the shard again.',
  SHARD_TOO_LONG: 'Download the shard again.',
  DTYPE_UNSUPPORTED: 'Use a release of the model in F32, F16 or BF16.',
} as const satisfies Partial<Record<ErrorCode, string>>

/** Which shard is at fault: the name in the folder for messages, the path as the subject. */
export interface ShardAtFault {
  readonly name: string
  readonly path: string
}

/** The error "shard NAME …" with the usual hint of its code. */
export function shardError(code: keyof typeof hints, shard: ShardAtFault, what: string, hint?: string): MiberaError {
  return new MiberaError(code, `shard ${quoteIfOdd(shard.name)} ${what}`, {
    subject: shard.path,
    hint: hint ?? hints[code],
  })
}
