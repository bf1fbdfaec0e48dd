import { createHash } from 'node:crypto'
import { MiberaError } from '../base/errors.ts'
import { publishAll } from '../disk/publish.ts'
import { writeUnnamed } from '../disk/unnamed-file.ts'
import type { OutputParts } from './output-parts.ts'
import { beginsWith, type Prepared } from './prepare.ts'
import { readBack } from './read-back.ts'
import { makeReport, type Report } from './report.ts'
import type { Run } from './run.ts'
import type { SliceId } from './slice-id.ts'
import { tensorOf } from './slice-job.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { moveConversion } from './state/conversions.ts'

/**
 * Reads all files back, writes their reports, and gives them their names: none before all are known to be whole. A
 * process that dies anywhere in here leaves a state from which the next one arrives at the same files.
 */
export async function finish(run: Run, { conversion, parts }: Prepared): Promise<readonly Report[] | 'stopped'> {
  const { database, paths, options } = run
  if (conversion.state === 'running') moveConversion(database, conversion.id, 'running', 'publishing')
  const reports = await verifiedReports(run, conversion.id, parts).catch((error) => refuseNamed(error, parts))
  if (reports === 'stopped') return reports
  // Whoever waits for the end need not wait for theirs after it.
  const threadsEnded = run.pool.close()
  options.onEvent({ kind: 'publishing' })
  // Reports that a power loss leaves without a name are written again: the state is still "publishing".
  const unnamed = await Promise.all(
    paths.map(({ report }, index) => writeUnnamed(report, `${JSON.stringify(reports[index], null, 1)}\n`)),
  )
  for (const [index, { part, output }] of paths.entries()) {
    if (!parts.isNamed(index)) unnamed.push({ finished: part, name: output })
  }
  await Promise.all([publishAll(unnamed), threadsEnded])
  moveConversion(database, conversion.id, 'publishing', 'done')
  return reports
}

/** The part file is gone, so a file that was damaged after it got its name cannot be mended by resuming. */
export function damagedAfterNaming({ plan, paths }: Run, id: SliceId): MiberaError {
  const tensor = tensorOf(plan, id)
  const path = paths[tensor.file]?.output ?? ''
  const what = `${path}: slice ${id.slice} of ${tensor.name} is not what was written, after the file got its name`
  return new MiberaError('VERIFICATION_FAILED', what, { subject: path, hint: anew })
}

const anew = 'Check the disk, then run the command again with --restart --force to make the output anew.'

function refuseNamed(error: unknown, parts: OutputParts): never {
  if (!parts.areNamed || !(error instanceof MiberaError) || error.code !== 'VERIFICATION_FAILED') throw error
  throw new MiberaError(error.code, error.message, { subject: error.subject, hint: anew, cause: error })
}

async function verifiedReports(
  { plan, database, pool, options }: Run,
  conversion: number,
  parts: OutputParts,
): Promise<readonly Report[] | 'stopped'> {
  options.onEvent({ kind: 'reading-back' })
  const bookmarks = readBookmarks(database, conversion)
  for (const [index, path] of parts.places.entries()) {
    if (await beginsWith(path, plan.files[index]?.header ?? new Uint8Array())) continue
    throw new MiberaError('VERIFICATION_FAILED', `the header of ${path} was not read back as it was written`, {
      subject: path,
      hint: 'Check the disk, then run the same command again.',
    })
  }
  const tensorSha256 = await readBack(plan, bookmarks, pool, options)
  if (tensorSha256 === 'stopped') return tensorSha256
  const { version, model, contradictions } = options
  return plan.files.map(({ header }, file) => {
    const headerSha256 = createHash('sha256').update(header).digest('hex')
    return makeReport(plan, file, { version, model, contradictions, headerSha256, tensorSha256, bookmarks })
  })
}
