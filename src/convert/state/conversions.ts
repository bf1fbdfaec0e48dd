import { basename } from 'node:path'
import type { Plan } from '../../plan/plan.ts'
import { fileNames, planSize } from '../../plan/plan-files.ts'
import type { StateDatabase } from './database.ts'

export type ConversionState = 'running' | 'publishing' | 'done'

/** What is remembered of an output that was begun. */
export interface Conversion {
  readonly id: number
  /** Absolute path of the output asked for. */
  readonly output: string
  /** Names of its files, in the folder of `output`. */
  readonly files: readonly string[]
  readonly model: string
  readonly recipe: string
  readonly mix: string
  readonly fingerprint: string
  readonly sources: readonly RememberedSource[]
  readonly size: number
  readonly state: ConversionState
}

export interface RememberedSource {
  /** Of the importance matrix only, whose digest is that of its whole content. */
  readonly kind?: 'imatrix'
  readonly name: string
  readonly size: number
  readonly modifiedMs: number
  readonly headerSha256: string
}

export function findConversion(database: StateDatabase, output: string): Conversion | undefined {
  const row = database
    .prepare<[string], Conversion & { sources: string; files: string }>('SELECT * FROM conversion WHERE output = ?')
    .get(output)
  if (row === undefined) return undefined
  const files = JSON.parse(row.files) as string[]
  return {
    ...row,
    files: files.length === 0 ? [basename(output)] : files,
    sources: JSON.parse(row.sources) as RememberedSource[],
  }
}

/** Forgets what was remembered of `output`, bookmarks included, and begins anew. */
export function beginConversion(database: StateDatabase, output: string, model: string, plan: Plan): Conversion {
  return database
    .transaction(() => {
      forgetConversion(database, output)
      const sources = rememberedSources(plan)
      const files = fileNames(plan, basename(output))
      const size = planSize(plan)
      const { lastInsertRowid } = database
        .prepare(
          `INSERT INTO conversion (output, files, model, recipe, mix, fingerprint, sources, size, begun_ms)
           VALUES (@output, @files, @model, @recipe, @mix, @fingerprint, @sources, @size, @now)`,
        )
        .run({
          output,
          files: JSON.stringify(files),
          model,
          recipe: plan.recipe,
          mix: plan.mix,
          fingerprint: plan.fingerprint,
          sources: JSON.stringify(sources),
          size,
          now: Date.now(),
        })
      const { recipe, mix, fingerprint } = plan
      return {
        id: Number(lastInsertRowid),
        output,
        files,
        model,
        recipe,
        mix,
        fingerprint,
        sources,
        size,
        state: 'running' as const,
      }
    })
    .immediate()
}

function rememberedSources({ sources, importance }: Plan): RememberedSource[] {
  const remembered = sources.map(({ name, size, modifiedMs, headerSha256 }) => ({
    name,
    size,
    modifiedMs,
    headerSha256,
  }))
  if (importance === undefined) return remembered
  const { file, sha256 } = importance
  return [...remembered, { kind: 'imatrix', name: file, size: 0, modifiedMs: 0, headerSha256: sha256 }]
}

export function forgetConversion(database: StateDatabase, output: string): void {
  database.prepare('DELETE FROM conversion WHERE output = ?').run(output)
}

/**
 * Moves a conversion from one state to the next.
 * @returns false when it was not in `from`: somebody else moved it, and the caller must not go on.
 */
export function moveConversion(
  database: StateDatabase,
  id: number,
  from: ConversionState,
  to: ConversionState,
): boolean {
  const ended = to === 'done' ? Date.now() : null
  return (
    database
      .prepare('UPDATE conversion SET state = ?, ended_ms = ? WHERE id = ? AND state = ?')
      .run(to, ended, id, from).changes === 1
  )
}
