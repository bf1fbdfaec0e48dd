import { createHash } from 'node:crypto'
import { MiberaError } from '../base/errors.ts'
import { writeDurableFile } from '../disk/durable-file.ts'
import { publish } from '../disk/publish.ts'
import { beginsWith, type Prepared } from './prepare.ts'
import { readBack } from './read-back.ts'
import { makeReport, type Report } from './report.ts'
import type { Run } from './run.ts'
import { readBookmarks } from './state/bookmarks.ts'
import { moveConversion } from './state/conversions.ts'

/**
 * Reads the complete file back, writes the report, and gives the file its name. A process that dies anywhere in here
 * leaves a state from which the next one arrives at the same file.
 */
export async function finish(run: Run, prepared: Prepared): Promise<Report | 'stopped'> {
  const { database, paths, options } = run
  const { conversion } = prepared
  if (conversion.state === 'running') moveConversion(database, conversion.id, 'running', 'publishing')
  const report = await (prepared.kind === 'renamed'
    ? verifiedReport(run, conversion.id, paths.output).catch(refuseRenamed)
    : verifiedReport(run, conversion.id, paths.part))
  if (report === 'stopped') return report
  options.onEvent({ kind: 'publishing' })
  await writeDurableFile(paths.report, `${JSON.stringify(report, null, 1)}\n`)
  if (prepared.kind === 'ready') await publish(paths.part, paths.output)
  moveConversion(database, conversion.id, 'publishing', 'done')
  return report
}

/** The part file is gone, so a file that was damaged after it got its name cannot be mended by resuming. */
function refuseRenamed(error: unknown): never {
  if (!(error instanceof MiberaError) || error.code !== 'VERIFICATION_FAILED') throw error
  throw new MiberaError(error.code, error.message, {
    subject: error.subject,
    hint: 'Check the disk, then run the command again with --restart --force to make the file anew.',
    cause: error,
  })
}

async function verifiedReport(
  { plan, database, pool, options }: Run,
  conversion: number,
  path: string,
): Promise<Report | 'stopped'> {
  options.onEvent({ kind: 'reading-back' })
  const bookmarks = readBookmarks(database, conversion)
  if (!(await beginsWith(path, plan.header))) {
    throw new MiberaError('VERIFICATION_FAILED', `the header of ${path} was not read back as it was written`, {
      subject: path,
      hint: 'Check the disk, then run the same command again.',
    })
  }
  const tensorSha256 = await readBack(plan, bookmarks, pool, options)
  if (tensorSha256 === 'stopped') return tensorSha256
  return makeReport(plan, {
    version: options.version,
    model: options.model,
    contradictions: options.contradictions,
    headerSha256: createHash('sha256').update(plan.header).digest('hex'),
    tensorSha256,
    bookmarks,
  })
}
