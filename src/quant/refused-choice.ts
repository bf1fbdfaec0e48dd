import { MiberaError } from '../base/errors.ts'
import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import type { RecipeName } from './recipes.ts'

/** Where llama.cpp stops rather than choose a type. */

export function importanceMissing(tensor: string, type: GgmlType, recipe: RecipeName): MiberaError {
  return new MiberaError(
    'IMPORTANCE_MISSING',
    `${recipe} stores ${tensor} as ${type}, which llama.cpp refuses without an importance matrix`,
    { subject: tensor, hint: 'Choose a --type that needs none, such as IQ3_S or Q3_K_S.' },
  )
}

export function noReplacement(tensor: string, type: GgmlType, columns: number): MiberaError {
  const blocks = `whole blocks of ${type} (${blockTypes[type].blockWeights})`
  return new MiberaError(
    'TYPE_UNSUPPORTED',
    `${tensor}: rows of ${columns} are not ${blocks}, and llama.cpp has no replacement for it`,
    { subject: tensor, hint: 'Choose another --type, e.g. TQ1_0 or Q2_K.' },
  )
}

export function unknownToMix(recipe: RecipeName, mix: string): MiberaError {
  return new MiberaError('TYPE_UNSUPPORTED', `llama.cpp ${mix} does not have the type ${recipe}`, {
    subject: recipe,
    hint: 'Choose another --type, or --mix latest.',
  })
}
