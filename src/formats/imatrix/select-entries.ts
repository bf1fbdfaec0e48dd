import { MiberaError } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'
import type { Imatrix } from './imatrix.ts'

/** Parts of tensor names; at most one of the lists may hold any. */
export interface EntrySelection {
  /** Only entries whose name contains one of these count. Empty: all. */
  readonly include: readonly string[]
  /** Entries whose name contains one of these do not count. */
  readonly exclude: readonly string[]
}

/**
 * The matrix without the entries that a person does not want used.
 * @throws MiberaError IMATRIX_MISMATCH for a part of a name that no entry has: llama-quantize takes no notice, and
 * quantizes otherwise than was meant.
 */
export function selectEntries(imatrix: Imatrix, { include, exclude }: EntrySelection): Imatrix {
  const names = [...imatrix.entries.keys()]
  for (const part of [...include, ...exclude]) {
    if (!names.some((name) => name.includes(part))) throw nothingNamed(part, names)
  }
  const wanted = (name: string) =>
    (include.length === 0 || include.some((part) => name.includes(part))) &&
    !exclude.some((part) => name.includes(part))
  return { ...imatrix, entries: new Map([...imatrix.entries].filter(([name]) => wanted(name))) }
}

function nothingNamed(part: string, names: readonly string[]): MiberaError {
  const message = `the importance matrix has no entry whose name contains ${quote(part)}`
  return new MiberaError('IMATRIX_MISMATCH', message, {
    subject: part,
    hint: `Its names are such as ${quote(names[0] ?? '')}.`,
  })
}
