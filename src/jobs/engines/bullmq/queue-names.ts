/** Names of the BullMQ queues of one coordinator. `id` is of letters, digits and hyphens. */
export interface QueueNames {
  /** Where workers take jobs from. */
  readonly tensors: string
  /** One job for each conversion, parent of its tensor jobs: what a flow is in BullMQ. Nobody takes jobs from it. */
  readonly conversions: string
  /**
   * One job for each conversion that is done last, by nobody: as long as it stands, the conversion's own job is not
   * seen as ready while no tensor job happens to stand in the queue.
   */
  readonly publish: string
}

export function queueNames(id: string): QueueNames {
  return { tensors: `tensors-${id}`, conversions: `conversions-${id}`, publish: `publish-${id}` }
}
