import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { type ModelFolderOptions, writeModelFolder } from '../../fixtures/model-folder.ts'
import { type ModelShape, tinyPhi4Shape } from '../../fixtures/model-shapes.ts'

/** Tokens of the small tokenizer: 1000 of cl100k and Phi-4's 96 added ones. */
const baseTokens = 1000

/** A disguised Phi-4 in miniature: all tensor kinds, a lawful small tokenizer, some rows of padding in the embedding. */
export const smallShape: ModelShape = { ...tinyPhi4Shape(1152), layers: 3 }

/** `--pre` for {@link writeSmallModel}: the hash of a cut vocabulary is in nobody's table. */
export const smallPre = 'dbrx'

/** Writes a model of {@link smallShape} (or another shape) with its tokenizer into `folder`. */
export async function writeSmallModel(
  folder: string,
  options: ModelFolderOptions = {},
  shape: ModelShape = smallShape,
): Promise<void> {
  await writeModelFolder(folder, shape, {
    lyingConfig: options.layout !== 'split',
    extras: (path) => writeCl100kTokenizer(path, { tokens: baseTokens }),
    ...options,
  })
}
