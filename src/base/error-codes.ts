/** What the process's exit status says, by the kind of trouble. Documented in docs/errors.md; scripts rely on it. */
export const exitStatus = {
  internal: 1,
  usage: 2,
  input: 3,
  needsAnswer: 4,
  conflict: 5,
  resources: 6,
  verification: 7,
  io: 8,
  interrupted: 130,
} as const

/**
 * Every error this program can raise on purpose: its stable code, its exit status, and whether trying the same
 * thing again later can help without anybody changing the input.
 */
export const errorCodes = {
  INTERNAL: { exit: exitStatus.internal, retry: false },
  USAGE: { exit: exitStatus.usage, retry: false },

  MODEL_FOLDER_MISSING: { exit: exitStatus.input, retry: true },
  NO_SAFETENSORS: { exit: exitStatus.input, retry: true },
  SHARDS_MISSING: { exit: exitStatus.input, retry: true },
  SHARD_TRUNCATED: { exit: exitStatus.input, retry: true },
  SHARD_TOO_LONG: { exit: exitStatus.input, retry: true },
  SHARD_MALFORMED: { exit: exitStatus.input, retry: false },
  SHARD_CHANGED: { exit: exitStatus.input, retry: true },
  INDEX_MALFORMED: { exit: exitStatus.input, retry: false },
  INDEX_MISMATCH: { exit: exitStatus.input, retry: false },
  PATH_ESCAPES_FOLDER: { exit: exitStatus.input, retry: false },
  DTYPE_UNSUPPORTED: { exit: exitStatus.input, retry: false },
  CONFIG_MALFORMED: { exit: exitStatus.input, retry: false },
  MODEL_UNSUPPORTED: { exit: exitStatus.input, retry: false },
  TENSOR_MISSING: { exit: exitStatus.input, retry: false },
  TENSOR_UNEXPECTED: { exit: exitStatus.input, retry: false },
  TENSOR_SHAPE: { exit: exitStatus.input, retry: false },
  TENSOR_NON_FINITE: { exit: exitStatus.input, retry: false },
  TENSOR_OVERFLOW: { exit: exitStatus.input, retry: false },
  IMATRIX_MALFORMED: { exit: exitStatus.input, retry: false },
  IMATRIX_MISMATCH: { exit: exitStatus.input, retry: false },
  IMPORTANCE_MISSING: { exit: exitStatus.input, retry: false },
  TYPE_UNSUPPORTED: { exit: exitStatus.input, retry: false },
  TOKENIZER_MISSING: { exit: exitStatus.input, retry: true },
  TOKENIZER_MALFORMED: { exit: exitStatus.input, retry: false },
  TOKENIZER_TOO_LARGE: { exit: exitStatus.input, retry: false },
  GGUF_MALFORMED: { exit: exitStatus.input, retry: false },
  REPORT_MALFORMED: { exit: exitStatus.input, retry: false },

  HYPERPARAMETER_UNKNOWN: { exit: exitStatus.needsAnswer, retry: false },
  PRE_TOKENIZER_UNKNOWN: { exit: exitStatus.needsAnswer, retry: false },
  REQUANTIZE_REFUSED: { exit: exitStatus.needsAnswer, retry: false },

  OUTPUT_EXISTS: { exit: exitStatus.conflict, retry: false },
  OUTPUT_IS_SOURCE: { exit: exitStatus.conflict, retry: false },
  PART_FOREIGN: { exit: exitStatus.conflict, retry: false },
  PLAN_CHANGED: { exit: exitStatus.conflict, retry: false },
  STATE_IN_USE: { exit: exitStatus.conflict, retry: true },
  STATE_NEWER: { exit: exitStatus.conflict, retry: false },
  STATE_DAMAGED: { exit: exitStatus.conflict, retry: false },

  JOB_EXISTS: { exit: exitStatus.conflict, retry: false },
  JOB_UNKNOWN: { exit: exitStatus.conflict, retry: false },
  JOB_STATE: { exit: exitStatus.conflict, retry: false },
  SOURCE_RECLAIMED: { exit: exitStatus.conflict, retry: false },

  DISK_TOO_SMALL: { exit: exitStatus.resources, retry: true },
  DISK_FULL: { exit: exitStatus.resources, retry: true },
  MEMORY_TOO_SMALL: { exit: exitStatus.resources, retry: false },
  CRASH_LOOP: { exit: exitStatus.resources, retry: false },

  VERIFICATION_FAILED: { exit: exitStatus.verification, retry: false },

  IO: { exit: exitStatus.io, retry: true },
  WORKER_DIED: { exit: exitStatus.io, retry: true },

  /** Within the program only: an engine cannot make a job, another will. */
  ENGINE_LOST: { exit: exitStatus.io, retry: true },
  REDIS_UNREACHABLE: { exit: exitStatus.io, retry: true },
  REDIS_REFUSED: { exit: exitStatus.conflict, retry: false },
  COORDINATOR_UNREACHABLE: { exit: exitStatus.io, retry: true },
  TOKEN_REFUSED: { exit: exitStatus.conflict, retry: false },
  TOKEN_UNUSABLE: { exit: exitStatus.usage, retry: false },
  WORKER_VERSION: { exit: exitStatus.conflict, retry: false },
  WORKER_UNKNOWN: { exit: exitStatus.conflict, retry: true },
  WORKER_QUARANTINED: { exit: exitStatus.verification, retry: false },
  CONVERSION_INACTIVE: { exit: exitStatus.conflict, retry: false },
  RANGE_REFUSED: { exit: exitStatus.usage, retry: false },
  SLICE_REFUSED: { exit: exitStatus.verification, retry: true },
  TOO_MANY_REQUESTS: { exit: exitStatus.resources, retry: true },

  SERVICE_UNSUPPORTED: { exit: exitStatus.usage, retry: false },
  SERVICE_FAILED: { exit: exitStatus.io, retry: true },
} as const satisfies Record<string, { exit: number; retry: boolean }>

export type ErrorCode = keyof typeof errorCodes

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}
