import * as z from 'zod'
import { MiberaError } from '../base/errors.ts'
import { parseMetadataOverride } from '../plan/metadata-override.ts'
import { tensorPattern, writableTypes } from '../quant/tensor-pattern.ts'

const ggmlType = z.enum(writableTypes)

/** Text that `parse` takes; what it throws is the message. */
function parsedBy(parse: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      parse(text)
    } catch (error) {
      if (!(error instanceof MiberaError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })
}

/** Of {@link TypeOptions} what can be stored: patterns are text. */
const typeOptionsSchema = z.strictObject({
  tensorTypes: z.array(z.tuple([parsedBy((text) => tensorPattern(text)), ggmlType])).exactOptional(),
  outputType: ggmlType.exactOptional(),
  embeddingType: ggmlType.exactOptional(),
  leaveOutput: z.boolean().exactOptional(),
  pure: z.boolean().exactOptional(),
  noFallback: z.boolean().exactOptional(),
})

const importanceSchema = z.strictObject({
  /** Absolute path of the importance matrix. */
  file: z.string(),
  /** The same as the person wrote it, which the output records. */
  named: z.string().exactOptional(),
  /** Parts of names: only the entries that have one of them count, or those that have none. Not both. */
  include: z.array(z.string().min(1)).exactOptional(),
  exclude: z.array(z.string().min(1)).exactOptional(),
  /** SHA-256 (hex) of the file when the job was made: another content is refused. The daemon fills it in. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .exactOptional(),
})

const splitRuleSchema = z.strictObject({
  maxBytes: z.number().int().min(1).exactOptional(),
  maxTensors: z.number().int().min(1).exactOptional(),
  firstWithoutTensors: z.boolean().exactOptional(),
})

/**
 * What a person answers and wishes beside the type, as a job stores it and the control API takes it; a conversion
 * without a daemon goes through the same. Paths are absolute. read-plan-request.ts makes a request of it.
 */
export const jobOptionsSchema = z.strictObject({
  /** Answers to what the folder leaves open. */
  family: z.string().exactOptional(),
  overrides: z.record(z.string(), z.string()).exactOptional(),
  pre: z.string().exactOptional(),
  /** Wishes about the types of tensors. */
  types: typeOptionsSchema.exactOptional(),
  /** Keys of the output, each as KEY=TYPE:VALUE. */
  overrideKv: z.array(parsedBy(parseMetadataOverride)).exactOptional(),
  /** Quantize anew what is quantized already. */
  allowRequantize: z.boolean().exactOptional(),
  /** Several files of limited size, or with a limited number of tensors. */
  split: splitRuleSchema.exactOptional(),
  /** An importance matrix to choose blocks by. */
  importance: importanceSchema.exactOptional(),
  /** Replace an output that exists. */
  force: z.boolean().exactOptional(),
  /** Give up what an earlier run left unfinished. */
  restart: z.boolean().exactOptional(),
  /** Delete each shard once all its tensors are durable and read back. */
  reclaimSource: z.boolean().exactOptional(),
})

export type JobOptions = z.output<typeof jobOptionsSchema>
export type StoredImportance = z.output<typeof importanceSchema>
export type StoredTypeOptions = z.output<typeof typeOptionsSchema>
