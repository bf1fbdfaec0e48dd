import type { Log } from '../../log.ts'
import type { ActiveConversions } from '../conversions/active-conversions.ts'
import type { Welcome } from '../protocol.ts'
import type { TransferLimits } from '../transfer/transfer-limits.ts'
import type { WorkerRegistry } from '../trust/worker-registry.ts'

/** What the routes for workers share. */
export interface Routes {
  readonly conversions: ActiveConversions
  readonly workers: WorkerRegistry
  /** This program's version: workers must have the same. */
  readonly version: string
  /** What a worker is told at the handshake, besides its id and how often to report. */
  readonly welcome: Omit<Welcome, 'worker' | 'heartbeatMilliseconds'>
  readonly limits: TransferLimits
  readonly log: Log
}
