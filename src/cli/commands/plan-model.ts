import { freeSpace } from '../../disk/free-space.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import { advise, advisedContext, recommend } from '../../plan/advise.ts'
import { machineMemory } from '../../plan/machine-defaults.ts'
import { planEachRecipe } from '../../plan/plan-recipes.ts'
import { requestNotices } from '../../plan/request-notices.ts'
import type { GlobalOptions } from '../global-options.ts'
import { outputFolder } from '../options/output-path.ts'
import { readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { noticeLines } from '../render/contradictions.ts'
import { planDocument } from '../render/plan-document.ts'
import { planText } from '../render/plan-text.ts'
import type { PlanOptions } from './plan.ts'

/** What `mibera plan` does. */
export async function planModel(path: string, options: PlanOptions, global: GlobalOptions): Promise<void> {
  const { input, description } = await understandModel(path, options)
  const request = await readPlanRequest(options.type ?? [], options.mix, readPlanOptions(options))
  if (!global.quiet) process.stderr.write(noticeLines(requestNotices(description, request)))
  const names = options.type?.map(({ name }) => name)
  const { plans, refused } = planEachRecipe(input, description, request, names)
  // Why there is nothing to show is told at length.
  if (plans.length === 0 && refused[0] !== undefined) throw refused[0].error
  const machine = { freeDisk: await freeSpace(outputFolder(options.out)), memory: machineMemory() }
  const advice = plans.map((plan) => advise(plan, description, machine))
  const recommended = recommend(advice)
  const facts = { model: description, machine, advice, refused, recommended, context: advisedContext }
  process.stdout.write(
    global.json
      ? `${JSON.stringify(planDocument(facts, options.type === undefined ? [] : plans), null, 2)}\n`
      : planText(facts),
  )
}
