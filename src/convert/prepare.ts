import { open, rm } from 'node:fs/promises'
import { MiberaError } from '../base/errors.ts'
import { PartFile, partFileExtent } from '../disk/part-file.ts'
import type { Plan } from '../plan/plan.ts'
import { requireDiskSpace } from './check-output.ts'
import type { OutputPaths } from './output-paths.ts'
import { planDifference } from './plan-difference.ts'
import type { ConvertOptions } from './run.ts'
import { refuseWithoutSources } from './source-reclaimed.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { beginConversion, type Conversion, findConversion } from './state/conversions.ts'
import type { StateDatabase } from './state/database.ts'

export type Prepared =
  /** The part file is there; slices bookmarked earlier have yet to be checked. `discarded` says why none are left. */
  | {
      readonly kind: 'ready'
      readonly conversion: Conversion
      readonly part: PartFile
      readonly discarded: Discarded | undefined
    }
  /** The file got its name, but the process ended before it could record that. */
  | { readonly kind: 'renamed'; readonly conversion: Conversion }

export interface Discarded {
  readonly reason: string
  readonly slices: number
}

/**
 * Decides whether to begin or to go on, and opens the part file for it.
 * @throws MiberaError OUTPUT_EXISTS, PART_FOREIGN, PLAN_CHANGED, SOURCE_RECLAIMED, DISK_TOO_SMALL
 */
export async function prepare(
  plan: Plan,
  paths: OutputPaths,
  database: StateDatabase,
  options: Pick<ConvertOptions, 'model' | 'force' | 'restart'>,
): Promise<Prepared> {
  const known = findConversion(database, paths.output)
  const part = await partFileExtent(paths.part)
  const finished = await partFileExtent(paths.output)
  const begin = async (discarded?: Discarded): Promise<Prepared> => {
    if (finished !== undefined && !options.force) throw outputExists(paths.output)
    await refuseWithoutSources(database, paths.output, discarded?.reason ?? 'cannot begin anew')
    await requireDiskSpace(plan, paths.part)
    // In this order: a crash in between leaves a part file without bookmarks, never bookmarks of another file.
    const conversion = beginConversion(database, paths.output, options.model, plan)
    await rm(paths.part, { force: true })
    return { kind: 'ready', conversion, part: await PartFile.create(paths.part, plan.size, plan.header), discarded }
  }

  if (options.restart) return begin()
  if (known === undefined || known.state === 'done') {
    if (part !== undefined) throw foreignPart(paths.part)
    return begin()
  }
  if (part === undefined) {
    const renamed =
      known.state === 'publishing' && finished?.size === plan.size && known.fingerprint === plan.fingerprint
    return renamed ? { kind: 'renamed', conversion: known } : begin()
  }
  if (known.fingerprint !== plan.fingerprint) throw await planChanged(paths, known, plan)
  // Somebody may have put a file there since: what was begun without --force never replaces it.
  if (finished !== undefined && !options.force) throw outputExists(paths.output)
  const discard = (reason: string) => begin({ reason, slices: readBookmarks(database, known.id).length })
  if (part.size !== plan.size) return discard(`${paths.part} has another length than it was given`)
  if (!(await beginsWith(paths.part, plan.header))) return discard(`the header of ${paths.part} is damaged`)
  await requireDiskSpace(plan, paths.part)
  return { kind: 'ready', conversion: known, part: await PartFile.openExisting(paths.part), discarded: undefined }
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

function outputExists(output: string): MiberaError {
  return new MiberaError('OUTPUT_EXISTS', `${output} exists already`, {
    subject: output,
    hint: 'Add --force to replace it once the new file is complete, or name another file with --out.',
  })
}

function foreignPart(part: string): MiberaError {
  return new MiberaError('PART_FOREIGN', `${part} exists, but this state directory has no bookmarks for it`, {
    subject: part,
    hint: 'Name the --state-dir that the earlier run used, or add --restart to begin anew and overwrite it.',
  })
}

async function planChanged({ part }: OutputPaths, known: Conversion, plan: Plan): Promise<MiberaError> {
  const difference = await planDifference(known, plan, part)
  return new MiberaError('PLAN_CHANGED', `${part} was begun with other inputs: ${difference}`, {
    subject: part,
    hint: 'Repeat the command as it was, name another --out, or add --restart to begin anew.',
  })
}
