import { open, rm } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import { partFileExtent } from '../disk/part-file.ts'
import type { Plan, PlannedFile } from '../plan/plan.ts'
import { requireDiskSpace } from './check-output.ts'
import { OutputParts } from './output-parts.ts'
import { type OutputPaths, pathsBeside } from './output-paths.ts'
import { planDifference } from './plan-difference.ts'
import type { ConvertOptions } from './run.ts'
import { refuseWithoutSources } from './source-reclaimed.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { beginConversion, type Conversion, findConversion } from './state/conversions.ts'
import type { StateDatabase } from './state/database.ts'

export interface Prepared {
  readonly conversion: Conversion
  /** Slices bookmarked earlier have yet to be checked. Where a run died while it published, some have their names. */
  readonly parts: OutputParts
  /** Why none are left of an earlier run. */
  readonly discarded: Discarded | undefined
}

export interface Discarded {
  readonly reason: string
  readonly slices: number
}

interface Found {
  readonly file: PlannedFile
  readonly paths: OutputPaths
  readonly part: { readonly size: number } | undefined
  readonly finished: { readonly size: number } | undefined
}

/**
 * Decides whether to begin or to go on, and opens the part files for it.
 * @throws MiberaError OUTPUT_EXISTS, PART_FOREIGN, PLAN_CHANGED, SOURCE_RECLAIMED, DISK_TOO_SMALL
 */
export async function prepare(
  plan: Plan,
  paths: readonly OutputPaths[],
  database: StateDatabase,
  options: Pick<ConvertOptions, 'output' | 'model' | 'force' | 'restart'>,
): Promise<Prepared> {
  const { output } = options
  const known = findConversion(database, output)
  const found = await Promise.all(plan.files.map((file, index) => lookFor(file, paths[index])))
  const begun = found.find(({ part }) => part !== undefined)?.paths.part
  const begin = async (discarded?: Discarded): Promise<Prepared> => {
    if (!options.force) refuseFinished(found)
    await refuseWithoutSources(database, output, discarded?.reason ?? 'cannot begin anew')
    await requireDiskSpace(plan, paths)
    // In this order: a crash in between leaves a part file without bookmarks, never bookmarks of another file.
    const conversion = beginConversion(database, output, options.model, plan)
    const former = known === undefined || known.state === 'done' ? [] : pathsBeside(output, known.files)
    for (const { part } of [...former, ...paths]) await rm(part, { force: true })
    return { conversion, parts: await OutputParts.create(plan, paths), discarded }
  }

  if (options.restart) return begin()
  if (known === undefined || known.state === 'done') {
    if (begun !== undefined) throw foreignPart(begun)
    return begin()
  }
  const partOfBegun = begun ?? (await formerPart(known))
  if (known.fingerprint !== plan.fingerprint) {
    if (partOfBegun === undefined) return begin()
    throw await planChanged(partOfBegun, known, plan)
  }
  const named = new Set(found.flatMap((one, index) => (isNamed(one, known) ? [index] : [])))
  if (begun === undefined && named.size < found.length) return begin()
  // Somebody may have put a file there since: what was begun without --force never replaces it.
  if (!options.force) refuseFinished(found.filter(({ part }) => part !== undefined))
  const discard = (reason: string) => begin({ reason, slices: readBookmarks(database, known.id).length })
  for (const [index, one] of found.entries()) {
    const wrong = named.has(index) ? undefined : await wrongWith(one)
    if (wrong !== undefined) return discard(wrong)
  }
  if (begun !== undefined) await requireDiskSpace(plan, paths, named)
  return { conversion: known, parts: await OutputParts.open(paths, named), discarded: undefined }
}

async function lookFor(file: PlannedFile, paths: OutputPaths | undefined): Promise<Found> {
  if (paths === undefined) throw new RangeError('a file of the plan has no path')
  return { file, paths, part: await partFileExtent(paths.part), finished: await partFileExtent(paths.output) }
}

/** Whether the file got its name before the process could record that all have. */
function isNamed({ file, part, finished }: Found, { state }: Conversion): boolean {
  return state === 'publishing' && part === undefined && finished?.size === file.size
}

/** Why a part file cannot be gone on with. */
async function wrongWith({ file, paths, part }: Found): Promise<string | undefined> {
  if (part === undefined) return `${paths.part} is gone`
  if (part.size !== file.size) return `${paths.part} has another length than it was given`
  return (await beginsWith(paths.part, file.header)) ? undefined : `the header of ${paths.part} is damaged`
}

/** A part file of what was begun under another plan, which may have other files. */
async function formerPart({ output, files }: Conversion): Promise<string | undefined> {
  for (const { part } of pathsBeside(output, files)) {
    if ((await partFileExtent(part)) !== undefined) return part
  }
  return undefined
}

/** Whether the file at `path` begins with these bytes. */
export async function beginsWith(path: string, expected: Uint8Array): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const actual = new Uint8Array(expected.length)
    const { bytesRead } = await file.read(actual, 0, actual.length, 0)
    return bytesRead === expected.length && Buffer.compare(actual, expected) === 0
  } finally {
    await file.close()
  }
}

function refuseFinished(found: readonly Found[]): void {
  const output = found.find(({ finished }) => finished !== undefined)?.paths.output
  if (output === undefined) return
  throw new MiberaError('OUTPUT_EXISTS', `${output} exists already`, {
    subject: output,
    hint: 'Add --force to replace it once the new file is complete, or name another place with --out.',
  })
}

function foreignPart(part: string): MiberaError {
  return new MiberaError(
    'PART_FOREIGN',
    `${part} exists, but this state directory has no bookmarks of such a conversion`,
    {
      subject: part,
      hint: 'Name the types and the --state-dir that the earlier run used, or add --restart to begin anew and overwrite it.',
    },
  )
}

async function planChanged(part: string, known: Conversion, plan: Plan): Promise<MiberaError> {
  const difference = await planDifference(known, plan)
  return new MiberaError('PLAN_CHANGED', `${part} was begun with other inputs: ${difference}`, {
    subject: part,
    hint: 'Repeat the command as it was, name another --out, or add --restart to begin anew.',
  })
}
