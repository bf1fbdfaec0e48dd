import { MiberaError } from '../base/errors.ts'
import type { ConfigClaims } from './config-claims.ts'
import type { Fact } from './description.ts'
import type { ExpectedTensor } from './layout.ts'
import type { Overrides } from './overrides.ts'
import { namesOf, type Recognition } from './recognise.ts'

/**
 * Whether the embedding serves as output projection. It does if there is no other; but then somebody has to say so,
 * because the other may just have been lost with its shard. `undefined` if nobody does.
 * @throws MiberaError TENSOR_MISSING if the projection should be there, USAGE if an override denies one that is.
 */
export function weighTiedEmbeddings(
  hasOutput: boolean,
  { source }: ExpectedTensor,
  overrides: Overrides,
  recognition: Recognition,
  claims: ConfigClaims,
): Fact<boolean> | undefined {
  const because = hasOutput ? `${source} is there` : `${source} is not there`
  if (hasOutput) {
    if (overrides.tiedEmbeddings !== true) return { value: false, origin: 'tensors', because }
    throw new MiberaError('USAGE', `--override tie_word_embeddings=true contradicts the tensors: ${because}`, {
      subject: 'tie_word_embeddings',
    })
  }
  const tied = (origin: Fact<boolean>['origin'], witness: string): Fact<boolean> => ({
    value: true,
    origin,
    because: `${because}, and ${witness}`,
  })
  if (overrides.tiedEmbeddings === true) return tied('override', '--override tie_word_embeddings=true')
  const known = recognition.candidates.map(({ shape }) => shape.tiedEmbeddings)
  if (overrides.tiedEmbeddings === false) throw lost(source, '--override tie_word_embeddings=false')
  if (recognition.exact && known.length > 0) {
    if (known.every((value) => value)) return tied('tensors', `${namesOf(recognition.candidates)} has none`)
    throw lost(source, `${namesOf(recognition.candidates)} has one`)
  }
  const claim = claims.tiedEmbeddings
  if (claim?.stated === true) return tied('tensors', `${claim.where} says the embedding serves instead`)
  if (claim?.stated === false) throw lost(source, `${claim.where} is false`)
  return undefined
}

function lost(tensor: string, because: string): MiberaError {
  return new MiberaError('TENSOR_MISSING', `Tensor ${tensor} is missing; ${because}`, {
    subject: tensor,
    hint: 'Check that every shard has been downloaded. If the embedding serves as output, say --override tie_word_embeddings=true.',
  })
}
