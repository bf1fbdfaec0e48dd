/** The three files of one conversion, side by side. */
export interface OutputPaths {
  /** Absolute path of the finished file. */
  readonly output: string
  readonly part: string
  readonly report: string
}

export function outputPaths(output: string): OutputPaths {
  return { output, part: `${output}.part`, report: `${output}.report.json` }
}
