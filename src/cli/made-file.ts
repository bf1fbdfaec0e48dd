import type { Report, ReportTotals } from '../convert/report.ts'

/** A file that was made, as `convert --json` lists it. */
export interface MadeFile {
  readonly output: string
  readonly totals: ReportTotals
}

export function madeFile(output: string, report: Report | undefined): MadeFile {
  if (report === undefined) throw new RangeError(`there is no report of ${output}`)
  return { output, totals: report.totals }
}
