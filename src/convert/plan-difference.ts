import type { Plan } from '../plan/plan.ts'
import { headerDifferences } from './header-difference.ts'
import { planPaths } from './output-paths.ts'
import type { Conversion, RememberedSource } from './state/conversions.ts'

/** What a person needs to know of why a plan no longer fits what was begun; the first few differences. */
export async function planDifference(known: Conversion, plan: Plan): Promise<string> {
  const shards = known.sources.filter(({ kind }) => kind === undefined)
  const differences = [...recipeDifferences(known, plan), ...sourceDifferences(shards, plan.sources)]
  differences.push(...importanceDifferences(known, plan))
  if (differences.length === 0) differences.push(...fileDifferences(known, plan))
  for (const [index, { part }] of planPaths(plan, known.output).entries()) {
    const file = plan.files[index]
    if (differences.length > 0 || file === undefined) break
    differences.push(...((await headerDifferences(part, file)) ?? []))
  }
  if (differences.length === 0) return 'another option differs, or mibera itself is another version'
  const shown = differences.slice(0, 3).join('; ')
  return differences.length > 3 ? `${shown}; and ${differences.length - 3} more` : shown
}

function recipeDifferences(known: Conversion, plan: Plan): string[] {
  const differences: string[] = []
  if (known.recipe !== plan.recipe) differences.push(`type was ${known.recipe}, is ${plan.recipe}`)
  if (known.mix !== plan.mix) differences.push(`mix was ${known.mix}, is ${plan.mix}`)
  return differences
}

function importanceDifferences({ sources }: Conversion, { importance }: Plan): string[] {
  const before = sources.find(({ kind }) => kind === 'imatrix')
  if (before === undefined && importance === undefined) return []
  if (before === undefined) return [`it had no importance matrix, now it has ${importance?.file}`]
  if (importance === undefined) return [`it had the importance matrix ${before.name}, now it has none`]
  if (before.headerSha256 === importance.sha256) return []
  return before.name === importance.file
    ? [`the importance matrix ${before.name} has another content`]
    : [`the importance matrix was ${before.name}, is ${importance.file}`]
}

function fileDifferences({ files }: Conversion, plan: Plan): string[] {
  const now = plan.files.length
  if (files.length === now) return []
  return [
    `${files.length === 1 ? 'it was one file' : `there were ${files.length} files`}, ${now === 1 ? 'is one' : `are ${now}`}`,
  ]
}

function sourceDifferences(before: readonly RememberedSource[], after: readonly RememberedSource[]): string[] {
  const now = new Map(after.map((source) => [source.name, source]))
  const differences: string[] = []
  for (const source of before) {
    const current = now.get(source.name)
    now.delete(source.name)
    if (current === undefined) differences.push(`${source.name} is gone`)
    else if (current.size !== source.size)
      differences.push(`${source.name} had ${source.size} bytes, has ${current.size}`)
    else if (current.headerSha256 !== source.headerSha256) differences.push(`${source.name} has another header`)
    else if (current.modifiedMs !== source.modifiedMs) differences.push(`${source.name} was written to since`)
  }
  for (const name of now.keys()) differences.push(`${name} is new`)
  return differences
}
