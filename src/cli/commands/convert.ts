import { Command, Option } from 'commander'
import { exitStatus } from '../../base/error-codes.ts'
import { type ConvertOutcome, convert } from '../../convert/convert.ts'
import { sumTotals } from '../../convert/report.ts'
import type { NewJobRequest } from '../../daemon/protocol.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import type { OpenedModel } from '../../model/open-model.ts'
import { defaultMemory, defaultThreads } from '../../plan/machine-defaults.ts'
import { makePlan } from '../../plan/make-plan.ts'
import type { MixName } from '../../quant/choose-types.ts'
import type { Recipe } from '../../quant/recipes.ts'
import { ExitRequest } from '../exit-request.ts'
import { type GlobalOptions, globalOptions } from '../global-options.ts'
import { mixOption } from '../options/mix-option.ts'
import { outputPath } from '../options/output-path.ts'
import { parseMemory, parseRecipes, parseThreads } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions, readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { contradictionLines } from '../render/contradictions.ts'
import { ConvertDisplay } from '../render/convert-display.ts'
import { stopOnSignals } from '../stop-signals.ts'
import { programVersion } from '../version.ts'
import { convertInDaemon } from './convert-in-daemon.ts'

interface ConvertCommandOptions extends PlanCommandOptions {
  readonly type: readonly Recipe[]
  readonly out?: string
  readonly threads?: number
  readonly maxMemory?: number
  readonly mix: MixName
  readonly force?: boolean
  readonly restart?: boolean
}

export function convertCommand(): Command {
  const command = new Command('convert')
    .description('Convert a folder of safetensors, or a GGUF, into a quantized GGUF. Run it again to resume.')
    .argument('<model-dir|file.gguf>', 'folder with the safetensors, or a GGUF (of several the first)')
    .addOption(
      new Option('--type <types>', 'type of the output, or several: Q3_K_M,Q2_K; "mibera plan" lists all')
        .argParser(parseRecipes)
        .default(parseRecipes('Q4_K_M'), 'Q4_K_M'),
    )
    .option('--out <path>', 'file to make, or folder to make it in (default: NAME-TYPE.gguf here)')
    .option('--threads <n>', 'worker threads (default: all processors)', parseThreads)
    .option('--max-memory <size>', 'memory to use at the most (default: a quarter, up to 1G)', parseMemory)
    .addOption(mixOption().default('latest'))
    .option('--force', 'replace the output if it exists')
    .option('--restart', 'begin anew, giving up what an earlier run left unfinished')
  return addPlanOptions(command).action(async (path: string, options: ConvertCommandOptions) => {
    await convertAll(path, options, globalOptions(command))
  })
}

async function convertAll(path: string, options: ConvertCommandOptions, global: GlobalOptions): Promise<void> {
  const model = await understandModel(path, options)
  if (!global.quiet) process.stderr.write(contradictionLines(model.description))
  const ownLimits = options.threads !== undefined || options.maxMemory !== undefined
  const done: object[] = []
  for (const recipe of options.type) {
    const output = outputPath(model.input.path, recipe, options.out, options.type.length > 1)
    const outcome =
      (await convertInDaemon(jobRequest(model.input.path, recipe, output, options), global, ownLimits)) ??
      (await convertOne(model, recipe, output, options, global))
    if (outcome.kind !== 'published') {
      if (global.json) process.stdout.write(`${JSON.stringify({ outcome: outcome.kind, output, done }, null, 2)}\n`)
      throw new ExitRequest(exitStatus.interrupted)
    }
    done.push({ output, totals: 'reports' in outcome ? sumTotals(outcome.reports) : outcome.totals })
  }
  if (global.json) process.stdout.write(`${JSON.stringify({ outcome: 'published', done }, null, 2)}\n`)
}

function jobRequest(model: string, recipe: Recipe, output: string, options: ConvertCommandOptions): NewJobRequest {
  const { mix, force, restart } = options
  return {
    ...{ model, output, recipe: recipe.name, mix },
    options: {
      ...readPlanOptions(options),
      ...(force === undefined ? {} : { force }),
      ...(restart === undefined ? {} : { restart }),
    },
  }
}

async function convertOne(
  { input, description }: OpenedModel,
  recipe: Recipe,
  output: string,
  options: ConvertCommandOptions,
  global: GlobalOptions,
): Promise<ConvertOutcome> {
  const request = await readPlanRequest([recipe], options.mix, readPlanOptions(options))
  const plan = makePlan(input, description, request)
  const display = new ConvertDisplay(plan, output, global)
  const signals = stopOnSignals(() => display.stopping())
  try {
    const outcome = await convert(plan, {
      output,
      model: input.path,
      version: programVersion(),
      contradictions: description.contradictions,
      stateDirectory: global.stateDirectory,
      threads: options.threads ?? defaultThreads(),
      maxMemory: options.maxMemory ?? defaultMemory(),
      force: options.force === true,
      restart: options.restart === true,
      stop: signals.stop,
      onEvent: (event) => display.show(event),
    })
    display.end(outcome)
    return outcome
  } finally {
    display.clear()
    signals.release()
  }
}
