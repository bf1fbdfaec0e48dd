import { basename } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import type { ModelDescription } from '../../model/description.ts'
import type { OpenedModel } from '../../model/open-model.ts'
import type { GivenImportance } from '../../plan/importance.ts'
import { importanceNotices } from '../../plan/importance-notices.ts'
import { makePlan } from '../../plan/make-plan.ts'
import type { Plan } from '../../plan/plan.ts'
import { fileNames } from '../../plan/plan-files.ts'
import type { PlanRequest } from '../../plan/plan-request.ts'
import type { GlobalOptions } from '../global-options.ts'
import { otherSplits } from '../other-splits.ts'
import { noticeLines } from '../render/contradictions.ts'
import { dryRunDocument, dryRunText } from '../render/dry-run-view.ts'

/**
 * Prints what a conversion would make. Of a recipe that cannot be made without an importance matrix, the types that it
 * has with one of all tensors.
 */
export function showDryRun(model: OpenedModel, request: PlanRequest, output: string, global: GlobalOptions): void {
  const { plan, lacking } = planToShow(model, request)
  const names = fileNames(plan, basename(output))
  const needed =
    lacking === undefined ? [] : [`${lacking.message}: name one with --imatrix. Shown are the types with one`]
  if (!global.quiet)
    process.stderr.write(noticeLines([...needed, ...importanceNotices(plan), ...otherSplits(plan, output)]))
  const document = { ...dryRunDocument(plan, names), needs: lacking === undefined ? [] : ['imatrix'] }
  process.stdout.write(global.json ? `${JSON.stringify(document, null, 2)}\n` : dryRunText(plan, names))
}

function planToShow(
  { input, description }: OpenedModel,
  request: PlanRequest,
): { readonly plan: Plan; readonly lacking?: MiberaError } {
  try {
    return { plan: makePlan(input, description, request) }
  } catch (error) {
    const isLacking = error instanceof MiberaError && error.code === 'IMPORTANCE_MISSING'
    if (!isLacking || request.importance !== undefined) throw error
    const importance = supposedImportance(description)
    return { plan: makePlan(input, description, { ...request, importance }), lacking: error }
  }
}

/** An importance matrix that has something to say of every matrix of the model. */
function supposedImportance({ tensors }: ModelDescription): GivenImportance {
  const entries = new Map(
    tensors.map(({ name, shape }) => {
      const values = (shape.at(-1) ?? 1) * (shape.at(-3) ?? 1)
      return [name, new Float32Array(new SharedArrayBuffer(4 * values))] as const
    }),
  )
  return { file: '', imatrix: { entries, datasets: [], chunks: 0, sha256: '' } }
}
