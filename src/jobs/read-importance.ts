import { MiberaError } from '../base/errors.ts'
import { openLocalFile } from '../disk/local-file.ts'
import { digestOf } from '../formats/imatrix/digest-of.ts'
import { readImatrix } from '../formats/imatrix/read-imatrix.ts'
import { selectEntries } from '../formats/imatrix/select-entries.ts'
import type { GivenImportance } from '../plan/importance.ts'
import type { JobOptions, StoredImportance } from './job-options.ts'

/**
 * Reads the importance matrix that options name.
 * @throws MiberaError IO; IMATRIX_MALFORMED, GGUF_MALFORMED, IMATRIX_MISMATCH; PLAN_CHANGED when it has another content
 *   than the job was made with.
 */
export async function readImportance(stored: StoredImportance): Promise<GivenImportance> {
  const { file, named = file, include = [], exclude = [], sha256 } = stored
  if (include.length > 0 && exclude.length > 0) {
    throw new MiberaError('USAGE', `entries of ${file} are both to be included and to be excluded`, {
      subject: file,
      hint: 'Name either those that are to count or those that are not.',
    })
  }
  const source = await openLocalFile(file)
  try {
    const imatrix = await readImatrix(source)
    if (sha256 !== undefined && imatrix.sha256 !== sha256) throw changed(file)
    return { file: named, imatrix: selectEntries(imatrix, { include, exclude }) }
  } finally {
    await source.close()
  }
}

/** The same options with the digest of the importance matrix that they name: a job is made with what the file holds now. */
export async function rememberImportance(options: JobOptions): Promise<JobOptions> {
  const { importance } = options
  if (importance === undefined || importance.sha256 !== undefined) return options
  const source = await openLocalFile(importance.file)
  try {
    return { ...options, importance: { ...importance, sha256: await digestOf(source) } }
  } finally {
    await source.close()
  }
}

function changed(file: string): MiberaError {
  return new MiberaError(
    'PLAN_CHANGED',
    `the importance matrix ${file} holds something else than when the job was made`,
    {
      subject: file,
      hint: 'Put the old file back and retry the job, or cancel it and convert with the new one.',
    },
  )
}
