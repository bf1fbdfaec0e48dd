/** How a model folder that is being watched stands. */
export interface WatchedFolder {
  readonly path: string
  readonly state: WatchedState
  /** For a person: "11 of 13 shards, model-00012 at 61 %". */
  readonly reason: string
  /** Bytes of shards that are there. */
  readonly doneBytes: number
  /** Bytes that all shards will have, as far as known: an estimate until every header has come. */
  readonly totalBytes: number | undefined
  /** Speed of the download over the last 20 seconds; 0 when nothing comes. */
  readonly bytesPerSecond: number
  readonly secondsLeft: number | undefined
}

export type WatchedState =
  | 'downloading'
  /** All is there; the quiet time has not passed yet. */
  | 'settling'
  | 'complete'
  /** It is gone, may not be read, or is quiet and yet malformed. */
  | 'unreadable'

/** A folder whose download is complete. */
export interface CompleteFolder {
  readonly path: string
  /** Digest of what it holds: the same for the same bytes whenever and wherever they were downloaded. */
  readonly content: string
}
