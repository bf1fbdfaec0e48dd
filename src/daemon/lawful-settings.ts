import { delimiter } from 'node:path'
import * as z from 'zod'
import { parseByteCount } from '../base/byte-count.ts'
import { isRedisUrl } from '../jobs/engines/bullmq/redis-url.ts'
import { findRecipe, type Recipe, recipeNames } from '../quant/recipes.ts'
import { isListenAddress } from './coordinator/listener/listen-address.ts'

const list = (separator: string) =>
  z.union([z.array(z.string()), z.string().transform((text) => text.split(separator).filter((part) => part !== ''))])
const flag = z.union([z.boolean(), z.enum(['0', '1', 'false', 'true']).transform((text) => /^(1|true)$/.test(text))])
/** A number, or text that is one: nothing is not 0. */
const number = z.union([z.number(), z.string().regex(/\S/)]).transform(Number)
const path = z.string().min(1)
const bytes = z.union([z.number().int().positive(), z.string().transform(bytesOf)])

/**
 * Every setting: lawful values as the file has them, or as text from the environment (MIBERA_MAX_MEMORY for
 * `maxMemory`, and so on). docs/control-api.md explains them.
 */
export const settingsSchema = {
  /** Folders watched for models. */
  watch: list(delimiter).pipe(z.array(path)),
  /** What a watched model is converted to. */
  type: list(',').transform(recipesOf),
  mix: z.enum(['latest', 'b3613']),
  /** Folder that watched models' files go to; the watched folder itself where none is named. */
  out: path.nullable(),
  /** 0: other machines do what they can. */
  threads: number.pipe(z.int().min(0).max(256)),
  /** Bytes that the daemon may use. */
  maxMemory: bytes,
  /** Available memory of the machine (bytes) below which threads are given up. */
  memoryFloor: bytes,
  /** Seconds that a download must have been still. */
  quietTime: number.pipe(z.number().min(0).max(86_400)),
  /** Look at watched folders again and again instead of being told of changes: for network drives. */
  poll: flag,
  /** Delete each shard of a watched model once it is converted, durable and read back. */
  reclaimSource: flag,
  /** Answers to what watched folders leave open. */
  family: z.string().nullable(),
  pre: z.string().nullable(),
  override: z.record(z.string(), z.string()),
  /** A file to read the available memory (bytes) from, instead of asking the system. */
  memoryFile: path.nullable(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']),
  /** Redis in which jobs for other machines stand. May hold a password: shown only as shown-settings.ts does. */
  redis: z.string().refine(isRedisUrl).nullable(),
  /** What the keys in Redis begin with. */
  redisPrefix: z.string().regex(/^[\w.:{}-]{1,100}$/),
  /** Certificates (PEM) that Redis's own may be signed by. */
  redisCa: path.nullable(),
  /** File that holds Redis's password. */
  redisPasswordFile: path.nullable(),
  /** Where workers reach this daemon. */
  listen: z.string().refine(isListenAddress).nullable(),
  /** File that holds the token which workers must show. */
  tokenFile: path.nullable(),
  /** Certificate and key (PEM) of the address that workers reach. */
  tlsCert: path.nullable(),
  tlsKey: path.nullable(),
  /** Seconds without a sign of life after which a worker's job goes to another. */
  lockTime: number.pipe(z.number().min(1).max(3600)),
  /** Workers that see the output's folder may leave results there instead of uploading them. */
  sharedResults: flag,
  /** Show BullMQ's queues in a browser. */
  bullBoard: flag,
} satisfies Record<string, z.ZodType>

export type SettingName = keyof typeof settingsSchema

/** What a setting takes, for whoever gave it something else. */
const size = 'a size such as "512M" or "1.5G", or a number of bytes'
const onOff = 'true or false'
const anyText = 'text'

export const lawfulValues: Readonly<Record<SettingName, string>> = {
  watch: `folders: a list of texts, in the environment separated by "${delimiter}"`,
  type: `at least one type: ${recipeNames.join(', ')}`,
  mix: '"latest" or "b3613"',
  out: 'the path of a folder',
  threads: 'a whole number from 0 to 256',
  maxMemory: size,
  memoryFloor: size,
  quietTime: 'seconds, a number from 0 to 86400',
  poll: onOff,
  reclaimSource: onOff,
  family: anyText,
  pre: anyText,
  override: 'an object of texts, such as {"head_size": "128"}',
  memoryFile: 'the path of a file',
  logLevel: '"debug", "info", "warn" or "error"',
  redis: 'redis://[user:password@]host[:port][/number], or rediss:// for TLS',
  redisPrefix: '1 to 100 letters, digits and _ - . : { }',
  redisCa: 'the path of a file',
  redisPasswordFile: 'the path of a file',
  listen: 'HOST:PORT',
  tokenFile: 'the path of a file',
  tlsCert: 'the path of a file',
  tlsKey: 'the path of a file',
  lockTime: 'seconds, a number from 1 to 3600',
  sharedResults: onOff,
  bullBoard: onOff,
}

function bytesOf(text: string, context: z.RefinementCtx): number {
  const count = parseByteCount(text)
  if (count === undefined) context.addIssue({ code: 'custom' })
  return count ?? z.NEVER
}

function recipesOf(texts: readonly string[], context: z.RefinementCtx): Recipe['name'][] {
  const recipes = new Set<Recipe['name']>()
  for (const text of texts) {
    const found = findRecipe(text)
    if (found !== undefined) recipes.add(found.name)
    else context.addIssue({ code: 'custom' })
  }
  if (texts.length === 0) context.addIssue({ code: 'custom' })
  return [...recipes]
}
