import { freeSpace } from '../../disk/free-space.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import { advise, advisedContext, recommend } from '../../plan/advise.ts'
import { machineMemory } from '../../plan/machine-defaults.ts'
import { makePlan } from '../../plan/make-plan.ts'
import { planEveryRecipe } from '../../plan/plan-recipes.ts'
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
  const { plans, refused } =
    options.type === undefined
      ? planEveryRecipe(input, description, request)
      : {
          plans: options.type.map((type) => makePlan(input, description, { ...request, recipes: [type] })),
          refused: [],
        }
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
