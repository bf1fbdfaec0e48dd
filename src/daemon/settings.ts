import { readFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { z } from 'zod'
import { parseByteCount } from '../base/byte-count.ts'
import { MiberaError, systemCode } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { quote } from '../base/quote.ts'
import { isRedisUrl } from '../jobs/engines/bullmq/redis-url.ts'
import { defaultMemory, defaultMemoryFloor, defaultThreads } from '../plan/machine-defaults.ts'
import { findRecipe, type Recipe, recipeNames } from '../quant/recipes.ts'
import { isListenAddress } from './coordinator/listener/listen-address.ts'
import { requireTogether } from './coordinator/settings-together.ts'

export const settingsFileName = 'settings.json'

/** Where a setting was found. The first of "flag", "environment" and "file" that has it counts. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'default'

const list = (separator: string) =>
  z.union([z.array(z.string()), z.string().transform((text) => text.split(separator).filter((part) => part !== ''))])
const flag = z.union([z.boolean(), z.enum(['0', '1', 'false', 'true']).transform((text) => /^(1|true)$/.test(text))])
/** A number, or text that is one: nothing is not 0. */
const number = z.union([z.number(), z.string().regex(/\S/, 'give a number')]).transform(Number)
const path = z.string().min(1)
const bytes = z.union([z.number().int().positive(), z.string().transform(bytesOf)])

/**
 * Every setting: lawful values as the file has them, or as text from the environment (MIBERA_MAX_MEMORY for
 * `maxMemory`, and so on). docs/control-api.md explains them.
 */
const schema = {
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
  redis: z
    .string()
    .refine(isRedisUrl, 'give redis://[user:password@]host[:port][/number], or rediss:// for TLS')
    .nullable(),
  /** What the keys in Redis begin with. */
  redisPrefix: z.string().regex(/^[\w.:{}-]{1,100}$/, 'give letters, digits and _ - . : { }'),
  /** Certificates (PEM) that Redis's own may be signed by. */
  redisCa: path.nullable(),
  /** File that holds Redis's password. */
  redisPasswordFile: path.nullable(),
  /** Where workers reach this daemon. */
  listen: z.string().refine(isListenAddress, 'give HOST:PORT').nullable(),
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

export type SettingName = keyof typeof schema
export type Settings = { readonly [Name in SettingName]: z.output<(typeof schema)[Name]> }

/** As given on the command line, in the environment or in the file: not yet checked. */
export type RawSettings = Partial<Record<SettingName, unknown>>

export interface LoadedSettings {
  readonly values: Settings
  readonly sources: Readonly<Record<SettingName, SettingSource>>
}

const names = Object.keys(schema) as SettingName[]
/** Settings that name files and folders. */
export const pathSettings: ReadonlySet<string> = new Set<SettingName>([
  ...(['watch', 'out', 'memoryFile'] as const),
  ...(['redisCa', 'redisPasswordFile', 'tokenFile', 'tlsCert', 'tlsKey'] as const),
])
/** Settings that may hold a password: not repeated in messages. */
const secretNames: ReadonlySet<string> = new Set(['redis'] satisfies SettingName[])

function defaults(): Settings {
  return {
    watch: [],
    type: ['Q4_K_M'],
    mix: 'latest',
    out: null,
    threads: defaultThreads(),
    maxMemory: defaultMemory(),
    memoryFloor: defaultMemoryFloor(),
    quietTime: 10,
    poll: false,
    reclaimSource: false,
    family: null,
    pre: null,
    override: {},
    memoryFile: null,
    logLevel: 'info',
    redis: null,
    redisPrefix: 'mibera',
    redisCa: null,
    redisPasswordFile: null,
    listen: null,
    tokenFile: null,
    tlsCert: null,
    tlsKey: null,
    lockTime: 30,
    sharedResults: false,
    bullBoard: false,
  }
}

/**
 * The settings of a daemon, each from the command line, else the environment, else `settings.json` in the state
 * directory, else its default. Relative paths of the file are relative to the state directory.
 * @throws MiberaError USAGE for a setting that is not lawful, naming where it stands, or that lacks one it needs; IO
 *   for a file that cannot be read.
 */
export function loadSettings(
  stateDirectory: string,
  flags: RawSettings = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): LoadedSettings {
  const file = readSettingsFile(join(stateDirectory, settingsFileName))
  const values: Record<string, unknown> = defaults()
  const sources = {} as Record<SettingName, SettingSource>
  for (const name of names) {
    const places: [SettingSource, unknown, string, string][] = [
      ['flag', flags[name], `--${kebab(name)}`, process.cwd()],
      ['environment', environment[variableOf(name)], variableOf(name), process.cwd()],
      ['file', file[name], `"${name}" in ${join(stateDirectory, settingsFileName)}`, stateDirectory],
    ]
    const found = places.find(([, value]) => value !== undefined)
    sources[name] = found?.[0] ?? 'default'
    if (found !== undefined) values[name] = resolvePaths(name, check(name, found[1], found[2]), found[3])
  }
  requireTogether(values as Settings)
  return { values: values as Settings, sources }
}

/** "maxMemory" → "MIBERA_MAX_MEMORY". */
export function variableOf(name: SettingName): string {
  return `MIBERA_${kebab(name).replaceAll('-', '_').toUpperCase()}`
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function check(name: SettingName, value: unknown, place: string): unknown {
  const result = schema[name].safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const shown = secretNames.has(name)
    ? 'its value'
    : typeof value === 'string'
      ? quote(value)
      : quote(JSON.stringify(value))
  throw new MiberaError('USAGE', `${place}: ${shown} is not lawful: ${issue?.message ?? ''}`, {
    subject: place,
    hint: 'docs/control-api.md lists the settings and their values.',
  })
}

function resolvePaths(name: SettingName, value: unknown, base: string): unknown {
  if (!pathSettings.has(name)) return value
  if (Array.isArray(value)) return [...new Set(value.map((folder: string) => resolve(base, folder)))]
  return typeof value === 'string' ? resolve(base, value) : value
}

function readSettingsFile(file: string): Partial<Record<string, unknown>> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return {}
    throw new MiberaError('IO', `cannot read the settings ${file}: ${(cause as Error).message}`, {
      subject: file,
      hint: 'Check that you may read it.',
      cause,
    })
  }
  const settings = parseObject(text, file)
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(schema, name))
  if (unknown === undefined) return settings
  const near = nearestName(unknown, names)
  throw new MiberaError('USAGE', `${file} has ${quote(unknown)}, which is not a setting`, {
    subject: file,
    hint: near === undefined ? `Settings: ${names.join(', ')}.` : `Did you mean "${near}"?`,
  })
}

function parseObject(text: string, file: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? cause.message : 'it must hold one object in braces'
    throw new MiberaError('USAGE', `the settings ${file} are not JSON: ${reason}`, {
      subject: file,
      hint: 'Correct the file, or move it away to have the defaults.',
      cause,
    })
  }
}

function bytesOf(text: string, context: z.RefinementCtx): number {
  const count = parseByteCount(text)
  if (count === undefined) context.addIssue({ code: 'custom', message: 'give a size such as 512M or 1.5G' })
  return count ?? z.NEVER
}

function recipesOf(texts: readonly string[], context: z.RefinementCtx): Recipe['name'][] {
  const recipes = new Set<Recipe['name']>()
  for (const text of texts) {
    const found = findRecipe(text)
    if (found !== undefined) recipes.add(found.name)
    else context.addIssue({ code: 'custom', message: `types are ${recipeNames.join(', ')}` })
  }
  if (texts.length === 0) context.addIssue({ code: 'custom', message: 'name at least one type' })
  return [...recipes]
}
