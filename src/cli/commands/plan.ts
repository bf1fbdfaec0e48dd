import { Command } from 'commander'
import { freeSpace } from '../../disk/free-space.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import { advise, advisedContext, recommend } from '../../plan/advise.ts'
import { machineMemory } from '../../plan/machine-defaults.ts'
import { makePlan } from '../../plan/make-plan.ts'
import { planEveryRecipe } from '../../plan/plan-recipes.ts'
import { requestNotices } from '../../plan/request-notices.ts'
import type { MixName } from '../../quant/choose-types.ts'
import type { Recipe } from '../../quant/recipes.ts'
import { globalOptions } from '../global-options.ts'
import { mixOption } from '../options/mix-option.ts'
import { outputFolder } from '../options/output-path.ts'
import { parseRecipes } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions, readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { noticeLines } from '../render/contradictions.ts'
import { planDocument } from '../render/plan-document.ts'
import { planText } from '../render/plan-text.ts'

interface Options extends PlanCommandOptions {
  readonly type?: readonly Recipe[]
  readonly out?: string
  readonly mix: MixName
}

export function planCommand(): Command {
  const command = new Command('plan')
    .description('Show what each type would cost in disk and memory, and which one fits this machine.')
    .argument('<model-dir|file.gguf>', 'folder with the safetensors, or a GGUF')
    .option('--type <types>', 'only these types, and with --json each tensor of them', parseRecipes)
    .option('--out <path>', 'where the output would go, to look at its free disk (default: here)')
    .addOption(mixOption().default('latest'))
  return addPlanOptions(command).action(async (path: string, options: Options) => {
    const global = globalOptions(command)
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
  })
}
