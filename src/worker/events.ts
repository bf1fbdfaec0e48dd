import type { MiberaError } from '../base/errors.ts'

/** What a worker tells while it runs. */
export type WorkerEvent =
  /** At the start: it does not answer yet. */
  | { readonly kind: 'waiting'; readonly topic: TroubleTopic; readonly address: string }
  /** The coordinator knows this worker, for the first time or again. */
  | { readonly kind: 'joined'; readonly coordinator: string; readonly threads: number }
  /** The first job of a conversion has come. */
  | OpenedConversion
  /** Something does not work at present, told once until it is over. */
  | { readonly kind: 'trouble'; readonly topic: TroubleTopic; readonly error: MiberaError }
  | { readonly kind: 'trouble-over'; readonly topic: TroubleTopic }
  /** A job failed, and is done again by this worker or another. `before` failed alike since that was told last. */
  | { readonly kind: 'job-failed'; readonly error: MiberaError; readonly before: number }
  | { readonly kind: 'slice'; readonly tensor: string }
  /** Memory of the machine is short, or plenty again. */
  | { readonly kind: 'threads'; readonly threads: number; readonly available: number }

export type TroubleTopic = 'coordinator' | 'redis'

export interface OpenedConversion {
  readonly kind: 'opened'
  readonly conversion: string
  readonly tensors: number
  readonly threads: number
  /** Shards in all, and those that this machine sees itself. */
  readonly shards: number
  readonly shared: number
  /** Whether results are left in a folder that the coordinator sees too. */
  readonly spool: boolean
}

export type WorkerListener = (event: WorkerEvent) => void
