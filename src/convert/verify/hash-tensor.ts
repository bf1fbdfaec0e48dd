import { createHash } from 'node:crypto'
import { MiberaError } from '../../base/errors.ts'
import type { ByteSource } from '../../disk/byte-source.ts'
import { blockTypes, type GgmlType } from '../../formats/ggml/block-types.ts'
import { findOverflow } from '../../quant/overflow.ts'

/** Roughly how many bytes are read at a time; always a whole number of blocks. */
const chunkBytes = 1024 * 1024

export interface StoredTensor {
  readonly name: string
  readonly type: GgmlType
  readonly offset: number
  readonly byteLength: number
}

/**
 * SHA-256 (hex) of a tensor in a file, looking at the scales of all its blocks on the way.
 * @throws MiberaError VERIFICATION_FAILED when a block has an infinite or NaN scale.
 */
export async function hashTensor(file: ByteSource, tensor: StoredTensor): Promise<string> {
  const { blockBytes } = blockTypes[tensor.type]
  const buffer = new Uint8Array(Math.min(tensor.byteLength, Math.ceil(chunkBytes / blockBytes) * blockBytes))
  const hash = createHash('sha256')
  for (let done = 0; done < tensor.byteLength; done += buffer.length) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, tensor.byteLength - done))
    await file.read(chunk, tensor.offset + done)
    hash.update(chunk)
    if (findOverflow(tensor.type, chunk) === undefined) continue
    throw new MiberaError(
      'VERIFICATION_FAILED',
      `${file.name}: ${tensor.name} has blocks with an infinite or NaN scale`,
      {
        subject: tensor.name,
        hint: 'A model with such a tensor answers with nonsense. Convert it again from sound weights.',
      },
    )
  }
  return hash.digest('hex')
}
