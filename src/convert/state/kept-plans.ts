import type { Contradiction } from '../../model/description.ts'
import type { Plan, PlannedFile, PlannedTensor } from '../../plan/plan.ts'
import type { StateDatabase } from './database.ts'

/** A plan that can be carried out without looking at the sources again, and what its report needs besides. */
export interface KeptPlan {
  readonly plan: Plan
  readonly contradictions: readonly Contradiction[]
}

/** A plan as JSON has it. The headers of its files stand one after the other in a column of their own. */
interface KeptJson extends Omit<Plan, 'files'> {
  readonly files: readonly (Omit<PlannedFile, 'header'> & { readonly headerBytes: number })[]
}

/** As releases up to 0.1 kept it: a plan had one file. */
interface OldJson extends Omit<Plan, 'files' | 'tensors'> {
  readonly size: number
  readonly tensors: readonly Omit<PlannedTensor, 'file'>[]
}

/**
 * Keeps the plan of a conversion, so that it can go on when some of its sources are no more. The importances of its
 * tensors are not kept: their file is not deleted.
 */
export function keepPlan(database: StateDatabase, conversion: number, { plan, contradictions }: KeptPlan): void {
  const files = plan.files.map(({ header, ...file }) => ({ ...file, headerBytes: header.length }))
  const tensors = plan.tensors.map(({ importance: _, ...tensor }) => tensor)
  const json: KeptJson = { ...plan, files, tensors }
  const headers = Buffer.concat(plan.files.map(({ header }) => header))
  database
    .prepare('INSERT OR REPLACE INTO kept_plan (conversion, plan, header, contradictions) VALUES (?, ?, ?, ?)')
    .run(conversion, JSON.stringify(json), headers, JSON.stringify(contradictions))
}

export function findKeptPlan(database: StateDatabase, conversion: number): KeptPlan | undefined {
  const row = database
    .prepare<[number], { plan: string; header: Buffer; contradictions: string }>(
      'SELECT plan, header, contradictions FROM kept_plan WHERE conversion = ?',
    )
    .get(conversion)
  if (row === undefined) return undefined
  const plan = planOf(JSON.parse(row.plan) as KeptJson | OldJson, row.header)
  return { plan, contradictions: JSON.parse(row.contradictions) as Contradiction[] }
}

function planOf(json: KeptJson | OldJson, headers: Uint8Array): Plan {
  if (!('files' in json)) {
    const { size, tensors, ...rest } = json
    const file = { recipe: json.recipe, shard: undefined, header: new Uint8Array(headers), size }
    return { ...rest, files: [file], tensors: tensors.map((tensor) => ({ ...tensor, file: 0 })) }
  }
  let end = 0
  const files = json.files.map(({ headerBytes, recipe, shard, size }): PlannedFile => {
    const header = new Uint8Array(headers.subarray(end, end + headerBytes))
    end += headerBytes
    return { recipe, shard, header, size }
  })
  return { ...json, files }
}
