/**
 * The known name that `typed` most likely meant, for a "did you mean …?". Case, `_` and `-` do not count. `undefined`
 * where nothing is near: more than a third of the letters would have to change. Among equals the first wins.
 */
export function nearestName(typed: string, known: Iterable<string>): string | undefined {
  const wanted = letters(typed)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const name of known) {
    const candidate = letters(name)
    const distance = editDistance(wanted, candidate)
    if (distance > Math.max(wanted.length, candidate.length) / 3 || distance >= bestDistance) continue
    best = name
    bestDistance = distance
  }
  return best
}

const letters = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')

/**
 * Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal string alignment
 * distance). Rows of the table are prefixes of `a`; a swap looks two rows back.
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : Infinity
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, substitution, swap))
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
