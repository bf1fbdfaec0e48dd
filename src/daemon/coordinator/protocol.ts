import * as z from 'zod'
import { ggmlTypeNames } from '../../formats/ggml/block-types.ts'

/**
 * What a coordinator and its workers say to each other over HTTP, version 1; docs/workers.md documents it. Redis says
 * who makes what, in which order; everything that counts goes over this protocol.
 *
 * Every request carries `authorization: Bearer TOKEN`, and all but the handshake {@link workerHeader}. A refusal is a
 * JSON document `{"error": {code, message, subject, hint, retry}}`, as of the control API.
 *
 *     POST   /v1/workers                                           handshakeSchema → welcomeSchema
 *     PUT    /v1/workers/:worker                                   heartbeatSchema → 204
 *     DELETE /v1/workers/:worker                                   204
 *     GET    /v1/conversions/:key                                  remotePlanSchema
 *     GET    /v1/conversions/:key/sources/:source                  Range: bytes=A-B → 206
 *     GET    /v1/conversions/:key/importances/:tensor              Range: bytes=A-B → 206
 *     GET    /v1/conversions/:key/wanted/:tensor/:firstSlice/:slices   wantedSchema
 *     PUT    /v1/conversions/:key/slices/:tensor/:slice            octets, with {@link madeHeader} → takenSchema
 *     POST   /v1/conversions/:key/slices/:tensor/:slice/spooled    madeSchema → takenSchema
 *     POST   /v1/conversions/:key/slices/:tensor/:slice/refusal    refusalSchema → 204
 */
export const coordinatorApi = 1

/** Carries the id that the handshake gave. */
export const workerHeader = 'x-mibera-worker'
/** Carries {@link madeSchema} as JSON beside a slice's octets. */
export const madeHeader = 'x-mibera-made'

const count = z.number().int().min(0)
/** Of one tensor: 2^12 experts of 2^16 columns. */
const maxImportances = 2 ** 28
const measure = z.number().min(0)
const hexDigest = z.string().regex(/^[0-9a-f]{64}$/)

/** What a worker says of itself. Program, plan format and kernels must be those of the coordinator, to the byte. */
export const handshakeSchema = z.strictObject({
  api: z.number().int(),
  version: z.string().max(100),
  planFormat: z.number().int(),
  /** SHA-256 of the compiled kernels. */
  kernels: hexDigest,
  host: z.string().min(1).max(255),
  pid: count,
  threads: z.number().int().min(1).max(1024),
})

export const welcomeSchema = z.object({
  worker: z.uuid(),
  /** The BullMQ queue that jobs stand in, and the prefix of its keys. */
  queue: z.string(),
  prefix: z.string(),
  /** A job whose lock was not renewed for so long goes to another worker. */
  lockMilliseconds: count,
  /** How often to tell how it goes. */
  heartbeatMilliseconds: count,
})

/** How it goes with a worker; sums are since its start. */
export const heartbeatSchema = z.strictObject({
  threads: count,
  /** GGUF name of the tensor taken last, while there is work. */
  tensor: z.string().max(1000).nullable(),
  weightsPerSecond: measure,
  jobsDone: count,
  failures: count,
  resident: count,
})

const importanceCount = z.number().int().min(1).max(maxImportances)

const rowTransform = z.union([
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('rope-interleave'), heads: count }),
])

/** What a worker has to know of a plan: all but header and reasons. Places of source bytes, types, offsets. */
export const remotePlanSchema = z.object({
  key: z.string(),
  fingerprint: hexDigest,
  sources: z.array(
    z.object({ name: z.string(), path: z.string(), size: count, modifiedMs: z.number(), headerSha256: hexDigest }),
  ),
  tensors: z.array(
    z.object({
      name: z.string(),
      shape: z.array(count),
      rows: count,
      columns: count,
      type: z.enum(ggmlTypeNames),
      file: count,
      offset: count,
      byteLength: count,
      /** Importances (f32, little endian) that its blocks are chosen by; null: they all count alike. */
      importances: importanceCount.nullable(),
      source: z.union([
        z.object({
          kind: z.literal('rows'),
          names: z.array(z.string()),
          dtype: z.enum(ggmlTypeNames),
          ranges: z.array(z.object({ source: count, offset: count, rows: count })),
          transform: rowTransform,
        }),
        z.object({ kind: z.literal('values'), values: z.array(z.number()) }),
      ]),
    }),
  ),
  /**
   * Folder in which workers that see it may leave finished slices, and what its file "nonce" holds: a worker that reads
   * the same there sees the same folder. null: not allowed, results are uploaded.
   */
  spool: z.object({ folder: z.string(), nonce: z.string() }).nullable(),
})

/** Of a job's tensor, and of those that are made of the same rows. */
export const wantedSchema = z.object({ slices: z.array(z.object({ tensor: count, slice: count })) })

/** What was measured of a slice. `sha256` is of its blocks. */
export const madeSchema = z.strictObject({
  sha256: hexDigest,
  squaredError: measure,
  energy: measure,
  compared: count,
  milliseconds: measure,
})

export const takenSchema = z.object({ taken: z.enum(['accepted', 'late']) })

/** Why a slice cannot be made: the coordinator looks for itself, and ends the conversion with what it finds. */
export const refusalSchema = z.strictObject({ outcome: z.enum(['non-finite', 'overflow']) })

export type Handshake = z.output<typeof handshakeSchema>
export type Welcome = z.output<typeof welcomeSchema>
export type Heartbeat = z.output<typeof heartbeatSchema>
export type RemotePlan = z.output<typeof remotePlanSchema>
export type Made = z.output<typeof madeSchema>
