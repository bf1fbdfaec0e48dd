const scales = [
  { suffix: 'T', parameters: 1e12 },
  { suffix: 'B', parameters: 1e9 },
  { suffix: 'M', parameters: 1e6 },
  { suffix: 'K', parameters: 1e3 },
] as const

/** The number of parameters to at least two digits, as `general.size_label` has it: "15B", "3.8B", "851M". */
export function sizeLabel(parameters: number): string {
  const scale = scales.find((candidate) => parameters >= candidate.parameters) ?? scales[3]
  const scaled = parameters / scale.parameters
  const digits = Math.round(scaled) === 0 ? 0 : String(Math.round(scaled)).length
  return `${scaled.toFixed(Math.max(2 - digits, 0))}${scale.suffix}`
}
