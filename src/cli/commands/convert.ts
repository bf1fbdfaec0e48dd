import { Command } from 'commander'
import { exitStatus } from '../../base/error-codes.ts'
import { convert } from '../../convert/convert.ts'
import { planPaths } from '../../convert/output-paths.ts'
import type { NewJobRequest } from '../../daemon/protocol.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import type { OpenedModel } from '../../model/open-model.ts'
import { defaultMemory, defaultThreads } from '../../plan/machine-defaults.ts'
import { makePlan } from '../../plan/make-plan.ts'
import type { PlanRequest } from '../../plan/plan-request.ts'
import { requestNotices } from '../../plan/request-notices.ts'
import type { MixName } from '../../quant/choose-types.ts'
import { recipe } from '../../quant/recipes.ts'
import { ExitRequest } from '../exit-request.ts'
import { type GlobalOptions, globalOptions } from '../global-options.ts'
import { madeFile } from '../made-file.ts'
import { mixOption } from '../options/mix-option.ts'
import { outputPath } from '../options/output-path.ts'
import { parseMemory, parseRecipes, parseThreads, type Recipes } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions, readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { otherSplits } from '../other-splits.ts'
import { contradictionLines, noticeLines } from '../render/contradictions.ts'
import { ConvertDisplay } from '../render/convert-display.ts'
import { stopOnSignals } from '../stop-signals.ts'
import { programVersion } from '../version.ts'
import { convertInDaemon, type HandedOver } from './convert-in-daemon.ts'
import { showDryRun } from './dry-run.ts'

interface ConvertCommandOptions extends PlanCommandOptions {
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
    await convertAll(path, options, globalOptions(command))
  })
}

async function convertAll(path: string, options: ConvertCommandOptions, global: GlobalOptions): Promise<void> {
  const model = await understandModel(path, options)
  if (!global.quiet) process.stderr.write(contradictionLines(model.description))
  const { type: types = [usualType], mix } = options
  const request = await readPlanRequest(types, mix, readPlanOptions(options))
  if (!global.quiet) process.stderr.write(noticeLines(requestNotices(model.description, request)))
  const output = outputPath(model.input.path, types, options.out, request.split !== undefined)
  if (options.dryRun === true) return showDryRun(model, request, output, global)
  const ownLimits = options.threads !== undefined || options.maxMemory !== undefined
  const outcome =
    (await convertInDaemon(jobRequest(model.input.path, output, request, options), global, ownLimits)) ??
    (await convertHere(model, request, output, options, global))
  if (outcome.kind !== 'published') {
    if (global.json) {
      const files = planPaths(makePlan(model.input, model.description, request), output).map((paths) => paths.output)
      process.stdout.write(`${JSON.stringify({ outcome: outcome.kind, files, done: [] }, null, 2)}\n`)
    }
    throw new ExitRequest(exitStatus.interrupted)
  }
  if (global.json) process.stdout.write(`${JSON.stringify({ outcome: 'published', done: outcome.files }, null, 2)}\n`)
}

function jobRequest(
  model: string,
  output: string,
  { recipes, mix }: PlanRequest,
  options: ConvertCommandOptions,
): NewJobRequest {
  const { force, restart } = options
  return {
    ...{ model, output, recipe: recipes.map(({ name }) => name).join(), mix },
    options: {
      ...readPlanOptions(options),
      ...(force === undefined ? {} : { force }),
      ...(restart === undefined ? {} : { restart }),
    },
  }
}

async function convertHere(
  { input, description }: OpenedModel,
  request: PlanRequest,
  output: string,
  options: ConvertCommandOptions,
  global: GlobalOptions,
): Promise<HandedOver | { readonly kind: 'stopped' }> {
  const plan = makePlan(input, description, request)
  if (!global.quiet) process.stderr.write(noticeLines(otherSplits(plan, output)))
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
    if (outcome.kind === 'stopped') {
      display.stopped()
      return outcome
    }
    const files = planPaths(plan, output).map((paths, index) => madeFile(paths.output, outcome.reports[index]))
    display.published(files)
    return { kind: 'published', files }
  } finally {
    display.clear()
    signals.release()
  }
}
