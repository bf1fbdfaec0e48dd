import { join, sep } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { MiberaError } from '../base/errors.ts'
import type { Job, NewJob } from '../jobs/job.ts'
import { openStates } from '../jobs/states.ts'
import type { JobStore } from '../jobs/store/job-store.ts'
import { outputFileName } from '../plan/output-file-name.ts'
import type { Log } from './log.ts'
import type { Settings } from './settings.ts'
import type { CompleteFolder } from './watch/watched-folder.ts'

/**
 * Makes jobs of watched folders that are complete: one for each type, and never a second one of the same content. A
 * re-download with other content replaces what the watcher made, or was to make, of the former.
 * @param abandon cancels a job, and returns when it is no longer in work.
 */
export async function addWatchedJobs(
  folder: CompleteFolder,
  settings: Settings,
  store: JobStore,
  log: Log,
  abandon: (id: number) => Promise<unknown>,
): Promise<void> {
  for (const recipe of settings.type) {
    const output = join(settings.out ?? rootOf(folder.path, settings.watch), outputFileName(folder.path, recipe))
    const former = store.newestFor(output)
    if (store.hasContent(folder.content, recipe) && !isAnsweredNow(former, folder, settings)) continue
    if (former?.origin === 'watcher' && openStates.includes(former.state)) await abandon(former.id)
    try {
      const { id } = store.add(watchedJob(folder, settings, recipe, output, former))
      log.info({ job: id, model: folder.path, output }, `${folder.path} is complete: job ${id} makes ${output}`)
    } catch (error) {
      if (!(error instanceof MiberaError) || error.code !== 'JOB_EXISTS') throw error
      log.warn({ model: folder.path, output }, `${folder.path} is complete, but ${error.message}`)
    }
  }
}

/** Whether a job of the same content failed, and the settings have since been given other answers. */
function isAnsweredNow(former: Job | undefined, { content }: CompleteFolder, settings: Settings): boolean {
  if (former?.content !== content || former.state !== 'failed') return false
  const { family, pre, overrides } = former.options
  return !isDeepStrictEqual(answersOf(settings), answersOf({ family, pre, override: overrides }))
}

type Answers = { readonly [Name in 'family' | 'pre' | 'override']?: Settings[Name] | undefined }

function answersOf({ family, pre, override }: Answers): Pick<NewJob['options'], 'family' | 'pre' | 'overrides'> {
  return {
    ...(family === null || family === undefined ? {} : { family }),
    ...(pre === null || pre === undefined ? {} : { pre }),
    ...(override === undefined || Object.keys(override).length === 0 ? {} : { overrides: override }),
  }
}

function watchedJob(
  { path, content }: CompleteFolder,
  settings: Settings,
  recipe: Job['recipe'],
  output: string,
  former: Job | undefined,
): NewJob {
  // Only what the watcher itself made is replaced; a person's file is refused by the conversion.
  const replaces = former?.origin === 'watcher' ? { force: true, restart: true } : {}
  return {
    ...{ model: path, output, recipe, mix: settings.mix, content },
    origin: 'watcher',
    options: {
      ...answersOf(settings),
      ...(settings.reclaimSource ? { reclaimSource: true } : {}),
      ...replaces,
    },
  }
}

/** The watched folder that a model was found in; the innermost where several hold it. */
function rootOf(path: string, roots: readonly string[]): string {
  const holding = roots.filter((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))
  return holding.toSorted((a, b) => b.length - a.length)[0] ?? path
}
