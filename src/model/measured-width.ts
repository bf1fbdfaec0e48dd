import { MiberaError } from '../base/errors.ts'
import type { Width } from './layout.ts'
import type { Measured, Measurements } from './measure.ts'

/** A width that the family's layout is sure to show. */
export function requireWidth(measurements: Measurements, width: Width): Measured {
  const measured = measurements.widths.get(width)
  if (measured !== undefined) return measured
  throw new MiberaError('INTERNAL', `The layout shows no width "${width}"`)
}
