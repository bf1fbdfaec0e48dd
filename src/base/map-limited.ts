/**
 * The results of `work` over `items`, in their order, with at most `limit` under way at a time. After a failure
 * nothing new is started, and once everything under way has settled, the error of the first failed item is thrown: so
 * the same input gives the same error whatever the timing.
 */
export async function mapLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const failures = new Map<number, unknown>()
  const pending = items.entries()

  async function takeAndWork(): Promise<void> {
    for (const [index, item] of pending) {
      try {
        results[index] = await work(item, index)
      } catch (error) {
        failures.set(index, error)
      }
      // Items are taken in order: all before a failed one are done or under way.
      if (failures.size > 0) return
    }
  }

  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, takeAndWork))
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()))
  return results
}
