import type { Contradiction } from '../../model/description.ts'
import type { Plan } from '../../plan/plan.ts'
import type { StateDatabase } from './database.ts'

/** A plan that can be carried out without looking at the sources again, and what its report needs besides. */
export interface KeptPlan {
  readonly plan: Plan
  readonly contradictions: readonly Contradiction[]
}

/** Keeps the plan of a conversion, so that it can go on when some of its sources are no more. */
export function keepPlan(database: StateDatabase, conversion: number, { plan, contradictions }: KeptPlan): void {
  const { header, ...rest } = plan
  database
    .prepare('INSERT OR REPLACE INTO kept_plan (conversion, plan, header, contradictions) VALUES (?, ?, ?, ?)')
    .run(conversion, JSON.stringify(rest), header, JSON.stringify(contradictions))
}

export function findKeptPlan(database: StateDatabase, conversion: number): KeptPlan | undefined {
  const row = database
    .prepare<[number], { plan: string; header: Buffer; contradictions: string }>(
      'SELECT plan, header, contradictions FROM kept_plan WHERE conversion = ?',
    )
    .get(conversion)
  if (row === undefined) return undefined
  const plan = { ...JSON.parse(row.plan), header: new Uint8Array(row.header) } as Plan
  return { plan, contradictions: JSON.parse(row.contradictions) as Contradiction[] }
}
