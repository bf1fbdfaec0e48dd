import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { MiberaError, systemCode } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { quote } from '../base/quote.ts'
import { requireLeastMemory } from '../convert/least-memory.ts'
import { defaultMemory, defaultMemoryFloor, defaultThreads } from '../plan/machine-defaults.ts'
import { requireTogether } from './coordinator/settings-together.ts'
import { lawfulValues, type SettingName, settingsSchema } from './lawful-settings.ts'

export const settingsFileName = 'settings.json'

/** Where a setting was found. The first of "flag", "environment" and "file" that has it counts. */
export type SettingSource = 'flag' | 'environment' | 'file' | 'default'

export type Settings = { readonly [Name in SettingName]: z.output<(typeof settingsSchema)[Name]> }

/** As given on the command line, in the environment or in the file: not yet checked. */
export type RawSettings = Partial<Record<SettingName, unknown>>

export interface LoadedSettings {
  readonly values: Settings
  readonly sources: Readonly<Record<SettingName, SettingSource>>
}

const names = Object.keys(settingsSchema) as SettingName[]
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
 * @throws MiberaError USAGE for a setting that is not lawful, naming where it stands, or that lacks one it needs;
 *   MEMORY_TOO_SMALL; IO for a file that cannot be read.
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
  requireLeastMemory((values as Settings).maxMemory)
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
  const result = settingsSchema[name].safeParse(value)
  if (result.success) return result.data
  const shown = secretNames.has(name)
    ? 'its value'
    : typeof value === 'string'
      ? quote(value)
      : quote(JSON.stringify(value))
  throw new MiberaError('USAGE', `${place}: ${shown} is not lawful: give ${lawfulValues[name]}`, {
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
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(settingsSchema, name))
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
