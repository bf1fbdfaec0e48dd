import { statSync } from 'node:fs'
import { extname } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import { openGguf } from '../formats/gguf/open-gguf.ts'
import type { ModelInput } from '../formats/model-input.ts'
import { openModelFolder } from '../formats/safetensors/open-folder.ts'
import { type DescribeOptions, describeModel } from './describe.ts'
import { describeGguf } from './describe-gguf.ts'
import type { ModelDescription } from './description.ts'

export interface OpenedModel {
  readonly input: ModelInput
  readonly description: ModelDescription
}

/**
 * Opens what a person calls a model: a folder of safetensors, or a GGUF, and says what it is.
 * @throws MiberaError as {@link openModelFolder} and {@link describeModel}, or as {@link openGguf} and
 *   {@link describeGguf}; USAGE for answers to questions that a GGUF does not leave open.
 */
export async function openModel(path: string, options: DescribeOptions): Promise<OpenedModel> {
  if (!isGgufPath(path)) {
    const input = await openModelFolder(path)
    return { input, description: await describeModel(input, options) }
  }
  if (options.family !== undefined || options.pre !== undefined || options.overrides.size > 0) {
    throw new MiberaError('USAGE', `${path} is a GGUF: --family, --override and --pre are for folders of safetensors`, {
      subject: path,
      hint: 'Leave them out: what a GGUF says of its model is passed on as it is.',
    })
  }
  const input = await openGguf(path)
  return { input, description: describeGguf(input) }
}

/** Whether `path` means a GGUF file rather than a folder. */
export function isGgufPath(path: string): boolean {
  if (extname(path).toLowerCase() !== '.gguf') return false
  try {
    return !statSync(path).isDirectory()
  } catch {
    // To open it says what is wrong.
    return true
  }
}
