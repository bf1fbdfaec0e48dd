/** Moments of a daemon's migration, and how much of it must be found afterwards. */
export const migrationMoments = [
  ['in the middle of the first migration', 0],
  ['between the migrations', 1],
  ['in the middle of the second migration', 1],
  ['before the second migration is committed', 1],
] as const

/** Moments of the end of a conversion, and whether the file must have its name then. */
export const publishMoments = [
  ['before "publishing" is recorded', 'part'],
  ['after "publishing" is recorded', 'part'],
  ['before the report gets its name', 'part'],
  ['before the file gets its name', 'part'],
  ['after the file has got its name', 'file'],
  ['before the conversion is recorded as done', 'file'],
  ['after the conversion is recorded as done', 'file'],
  ['before the job is committed as done', 'file'],
  ['after the job is recorded as done', 'file'],
] as const

export type Moment =
  | (typeof migrationMoments | typeof publishMoments)[number][0]
  | 'with the first tensors in work'
  /** Synced, but not bookmarked. Two earlier batches are, where a death has made them small. */
  | 'before the third batch is recorded'
