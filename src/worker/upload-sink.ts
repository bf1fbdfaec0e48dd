import { createHash } from 'node:crypto'
import type { BlockSink } from '../convert/block-sink.ts'
import type { MadeSlice, QuantizeTarget } from '../convert/protocol.ts'
import { type Made, madeHeader } from '../daemon/coordinator/protocol.ts'
import type { CoordinatorClient } from './coordinator-client.ts'

/** What the coordinator is told of a slice besides its blocks: on their way they are told from others by a SHA-256. */
export function madeDocument(
  blocks: Uint8Array,
  { squaredError, energy, compared, milliseconds }: Omit<MadeSlice, 'checksum'>,
): Made {
  const sha256 = createHash('sha256').update(blocks).digest('hex')
  return { sha256, squaredError, energy, compared, milliseconds }
}

/** Sends the blocks of finished slices to the coordinator. */
export class UploadSink implements BlockSink {
  readonly #client: CoordinatorClient
  readonly #conversion: string

  constructor(client: CoordinatorClient, conversion: string) {
    this.#client = client
    this.#conversion = conversion
  }

  /** One that comes too late was made by somebody else: all is well. */
  async put({ id }: QuantizeTarget, blocks: Uint8Array<ArrayBuffer>, made: MadeSlice): Promise<void> {
    await this.#client.send({
      method: 'PUT',
      path: `/v1/conversions/${this.#conversion}/slices/${id.tensor}/${id.slice}`,
      headers: { 'content-type': 'application/octet-stream', [madeHeader]: JSON.stringify(madeDocument(blocks, made)) },
      body: blocks,
    })
  }
}
