import { Command } from 'commander'
import { SpareThreads } from '../../convert/spare-threads.ts'
import { controlAddress, isUnused } from '../../daemon/control-address.ts'
import { defaultMemory, defaultThreads } from '../../plan/machine-defaults.ts'
import type { MixName } from '../../quant/choose-types.ts'
import { recipe } from '../../quant/recipes.ts'
import { globalOptions } from '../global-options.ts'
import { mixOption } from '../options/mix-option.ts'
import { parseMemory, parseRecipes, parseThreads, type Recipes } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions } from '../options/plan-options.ts'

export interface ConvertCommandOptions extends PlanCommandOptions {
  readonly type?: Recipes
  readonly out?: string
  readonly threads?: number
  readonly maxMemory?: number
  readonly mix: MixName
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly restart?: boolean
}

/** Named in the help, not to commander: it would be the first of the types that are added up. */
const usualType = recipe('Q4_K_M')
const typeHelp = `type of the output, or several: Q3_K_M,Q2_K; "mibera plan" lists all (default: ${usualType.name})`

/**
 * Memory (bytes) with which threads are started before it is known how many it allows: more than planning takes for the
 * largest vocabularies, and some for each. With less they start when planning has given its memory back.
 */
function leastForSpare(threads: number): number {
  return (384 + 32 * threads) * 2 ** 20
}

export function convertCommand(): Command {
  const command = new Command('convert')
    .description('Convert a folder of safetensors, or a GGUF, into a quantized GGUF. Run it again to resume.')
    .argument('<model-dir|file.gguf>', 'folder with the safetensors, or a GGUF (of several the first)')
    .option('--type <types>', typeHelp, parseRecipes)
    .option('--out <path>', 'file to make, or folder to make it in (default: NAME-TYPE.gguf here)')
    .option('--threads <n>', 'worker threads (default: all processors)', parseThreads)
    .option(
      '--max-memory <size>',
      'memory to use at the most, such as 512M (default: a quarter, up to 1G)',
      parseMemory,
    )
    .addOption(mixOption().default('latest'))
    .option('--dry-run', 'show the type and size of every tensor, and write nothing')
    .option('--force', 'replace the output if it exists')
    .option('--restart', 'begin anew, giving up what an earlier run left unfinished')
  return addPlanOptions(command).action(async (path: string, options: ConvertCommandOptions) => {
    const global = globalOptions(command)
    const mayHaveDaemon = !isUnused(controlAddress(global.stateDirectory))
    const { type: types = [usualType], threads = defaultThreads(), maxMemory = defaultMemory() } = options
    // Threads start on other processors while this one has yet to load what plans, and those files are read meanwhile.
    const loading = import('./convert-model.ts')
    const isWorthwhile = options.dryRun !== true && !mayHaveDaemon && maxMemory >= leastForSpare(threads)
    const spareThreads = new SpareThreads(isWorthwhile ? threads : 0)
    try {
      const { convertModel } = await loading
      await convertModel(path, types, options, global, { threads, maxMemory, spareThreads, mayHaveDaemon })
    } finally {
      spareThreads.close()
    }
  })
}
