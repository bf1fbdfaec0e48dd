import { statSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { outputFileName } from '../../plan/output-file-name.ts'
import type { Recipe } from '../../quant/recipes.ts'

/**
 * Absolute path of the file to be made: `--out` if it names a file, else "NAME-TYPE.gguf" in the folder it names, or
 * in the current one. With several types, or a split, it is what the files are named after.
 */
export function outputPath(
  modelFolder: string,
  [recipe, ...more]: readonly [Recipe, ...Recipe[]],
  out: string | undefined,
  split = false,
): string {
  const name = outputFileName(modelFolder, recipe.name, ...more.map((other) => other.name))
  if (out === undefined) return resolve(name)
  if (isFolder(out)) return resolve(out, name)
  if (more.length > 0) {
    throw new MiberaError('USAGE', `--out ${out} names one file, but several types are asked for`, {
      subject: '--out',
      hint: 'Name an existing folder with --out: each type gets its own file there.',
    })
  }
  const path = resolve(out)
  if (!isFolder(dirname(path))) {
    throw new MiberaError('USAGE', `the folder ${dirname(path)} does not exist`, {
      subject: '--out',
      hint: 'Create it first, or name another --out.',
    })
  }
  return split ? withoutPlace(path) : path
}

/** "m-00001-of-00002.gguf" → "m.gguf": how many files it will be, and so their names, only the plan tells. */
function withoutPlace(path: string): string {
  return path.replace(/(?<=[^/\\])-\d{5}-of-\d{5}(?=\.gguf$)/i, '')
}

/** The folder that an output named by `--out` goes to. */
export function outputFolder(out: string | undefined): string {
  if (out === undefined) return resolve()
  return isFolder(out) ? resolve(out) : dirname(resolve(out))
}

function isFolder(path: string): boolean {
  const folder = existsAsFolder(path)
  if (!folder && (path.endsWith('/') || path.endsWith(sep))) {
    throw new MiberaError('USAGE', `the folder ${path} does not exist`, {
      subject: '--out',
      hint: 'Create it first, or name another --out.',
    })
  }
  return folder
}

function existsAsFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    // Part of the path is a file.
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    throw error
  }
}
