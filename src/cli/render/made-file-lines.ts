import { formatBytes } from '../../base/byte-count.ts'
import type { MadeFile } from '../made-file.ts'

/** Of more files than this, only the first and the last are named. */
const mostNamed = 6

/**
 * What is left on the screen of a conversion that was published.
 * @param took ", in 12 s", or nothing.
 */
export function madeFileLines(files: readonly MadeFile[], took: string): string[] {
  const [only] = files
  if (files.length === 1 && only !== undefined) return [only.output, `  ${facts(only)}, read back and verified${took}`]
  const named = files.length <= mostNamed ? files : [...files.slice(0, 1), ...files.slice(-1)]
  const lines = named.flatMap((file) => [file.output, `  ${facts(file)}`])
  if (named.length < files.length) lines.splice(2, 0, `… ${files.length - named.length} more files …`)
  const bytes = files.reduce((sum, { totals }) => sum + totals.bytes, 0)
  return [...lines, `${files.length} files, ${formatBytes(bytes)}, read back and verified${took}`]
}

function facts({ totals: { bytes, bitsPerWeight, tensors } }: MadeFile): string {
  if (tensors === 0) return `${formatBytes(bytes)}, metadata only`
  return `${formatBytes(bytes)}, ${bitsPerWeight.toFixed(2)} bits per weight`
}
