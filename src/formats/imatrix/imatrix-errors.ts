import { MiberaError } from '../../base/errors.ts'
import type { ByteSource } from '../../disk/byte-source.ts'

export function malformed({ name }: Pick<ByteSource, 'name'>, what: string): MiberaError {
  return new MiberaError('IMATRIX_MALFORMED', `${name} is not a lawful importance matrix: ${what}`, {
    subject: name,
    hint: 'Download the file again, or make it anew with llama-imatrix.',
  })
}
