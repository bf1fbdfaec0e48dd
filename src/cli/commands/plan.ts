import { Command } from 'commander'
import type { MixName } from '../../quant/choose-types.ts'
import type { Recipe } from '../../quant/recipes.ts'
import { globalOptions } from '../global-options.ts'
import { mixOption } from '../options/mix-option.ts'
import { parseRecipes } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions } from '../options/plan-options.ts'

export interface PlanOptions extends PlanCommandOptions {
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
  return addPlanOptions(command).action(async (path: string, options: PlanOptions) => {
    const { planModel } = await import('./plan-model.ts')
    await planModel(path, options, globalOptions(command))
  })
}
