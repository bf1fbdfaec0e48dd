/** "14.66 G", "851 M". */
export function weightCount(weights: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (weights >= size) return `${Number((weights / size).toPrecision(4))} ${unit}`
  }
  return String(weights)
}
