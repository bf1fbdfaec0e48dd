import type { WorkerSetup } from '../convert/protocol.ts'
import type { CoordinatorAddress } from './http-link.ts'

/** What a thread of a worker is given once, when it starts. */
export interface RemoteSetup extends WorkerSetup {
  readonly coordinator: CoordinatorAddress
  readonly tokenFile: string
  /** The buffer of a ThreadShare. */
  readonly share: SharedArrayBuffer
  /** Key of the conversion whose slices it makes. */
  readonly conversion: string
  /** Numbered as in the plan. */
  readonly sources: readonly RemoteSource[]
  /** Folder for finished slices that the coordinator sees too; `undefined`: they are uploaded. */
  readonly spool: string | undefined
}

export interface RemoteSource {
  readonly name: string
  readonly size: number
  /** Where this machine sees it; `undefined`: the coordinator is asked for its bytes. */
  readonly path: string | undefined
}
