import { basename, dirname, relative, sep } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import { describingFiles } from './describing-files.ts'
import { isPassedOver, maxDepth } from './find-model-folders.ts'
import { unfinishedName } from './unfinished-name.ts'

/** How often files are looked at where the system sends no events. */
const pollMs = 1000

export interface FileEventHandlers {
  /** Something happened at this path. */
  onEvent(path: string): void
  onError(error: Error): void
}

/**
 * Events of files and folders under a root that can matter for a model folder. They only make things quicker: an event
 * that is lost, as on network drives, is made up for by the next regular look.
 *
 * @param root symbolic links resolved
 */
export function watchFiles(root: string, poll: boolean, handlers: FileEventHandlers): FSWatcher {
  const watcher = watch(root, {
    ignoreInitial: true,
    ignorePermissionErrors: true,
    // The links of a Hugging Face cache lead to its blobs, which are watched themselves.
    followSymlinks: false,
    depth: maxDepth,
    usePolling: poll,
    interval: pollMs,
    binaryInterval: pollMs,
    ignored(path, stats) {
      // Asked without the facts first: it is not known yet what the path is.
      const isFile = stats === undefined || !stats.isDirectory()
      if (path === root) return false
      return leadsAstray(relative(root, path), isFile) || (stats?.isFile() === true && !matters(path))
    },
  })
  watcher.on('all', (_, path) => handlers.onEvent(path))
  watcher.on('error', (error) => handlers.onError(error instanceof Error ? error : new Error(String(error))))
  return watcher
}

/** Is, or is inside, a folder that holds no models; `.cache` is where `hf download` puts unfinished files. */
function leadsAstray(path: string, isFile: boolean): boolean {
  return (isFile ? dirname(path) : path).split(sep).some((name) => {
    return name !== '.' && name !== '.cache' && isPassedOver(name)
  })
}

function matters(path: string): boolean {
  const name = basename(path)
  return (
    name.endsWith('.safetensors') ||
    name.endsWith('.safetensors.index.json') ||
    describingFiles.includes(name) ||
    unfinishedName(name) !== undefined ||
    ['blobs', 'refs'].includes(basename(dirname(path)))
  )
}
