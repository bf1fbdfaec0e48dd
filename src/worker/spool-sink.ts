import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockSink } from '../convert/block-sink.ts'
import type { MadeSlice, QuantizeTarget } from '../convert/protocol.ts'
import { takenSchema, workerHeader } from '../daemon/coordinator/protocol.ts'
import type { CoordinatorClient } from './coordinator-client.ts'
import type { ThreadShare } from './thread-share.ts'
import { madeDocument } from './upload-sink.ts'

export interface SpoolOptions {
  readonly client: CoordinatorClient
  readonly conversion: string
  /** As this machine sees it. */
  readonly folder: string
  readonly share: ThreadShare
}

/**
 * Leaves the blocks of finished slices in a folder that the coordinator sees too, and tells it. The name of the file is
 * known to both; the coordinator deletes what it has taken.
 */
export class SpoolSink implements BlockSink {
  readonly #options: SpoolOptions

  constructor(options: SpoolOptions) {
    this.#options = options
  }

  async put(
    { id: { tensor, slice } }: QuantizeTarget,
    blocks: Uint8Array<ArrayBuffer>,
    made: MadeSlice,
  ): Promise<void> {
    const { client, conversion, folder, share } = this.#options
    // The coordinator makes the same name of it: it must not change under way, by a new handshake.
    const { worker } = share
    const document = madeDocument(blocks, made)
    const path = join(folder, `${tensor}-${slice}-${worker}.blocks`)
    try {
      // Closed, it is there for other machines that open it after that: so NFS and SMB promise. It need not be durable:
      // the coordinator syncs its own copy before it believes in it, and a sync of each slice would cost more than it.
      await writeFile(path, blocks)
      share.beat()
      const { taken } = await client.ask(
        {
          method: 'POST',
          path: `/v1/conversions/${conversion}/slices/${tensor}/${slice}/spooled`,
          headers: { [workerHeader]: worker },
          document,
        },
        takenSchema,
      )
      if (taken === 'late') await rm(path, { force: true })
    } catch (error) {
      await rm(path, { force: true }).catch(() => {})
      throw error
    }
  }
}
