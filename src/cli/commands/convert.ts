import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { exitStatus } from '../../base/error-codes.ts'
import { convert } from '../../convert/convert.ts'
import { planPaths } from '../../convert/output-paths.ts'
import type { NewJobRequest } from '../../daemon/protocol.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import type { OpenedModel } from '../../model/open-model.ts'
import { defaultMemory, defaultThreads } from '../../plan/machine-defaults.ts'
import { makePlan } from '../../plan/make-plan.ts'
import type { Plan } from '../../plan/plan.ts'
import { fileNames } from '../../plan/plan-files.ts'
import type { PlanRequest } from '../../plan/plan-request.ts'
import { requestNotices } from '../../plan/request-notices.ts'
import type { MixName } from '../../quant/choose-types.ts'
import type { Recipe } from '../../quant/recipes.ts'
import { ExitRequest } from '../exit-request.ts'
import { type GlobalOptions, globalOptions } from '../global-options.ts'
import { madeFile } from '../made-file.ts'
import { mixOption } from '../options/mix-option.ts'
import { outputPath } from '../options/output-path.ts'
import { parseMemory, parseRecipes, parseThreads } from '../options/parse.ts'
import { addPlanOptions, type PlanCommandOptions, readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { contradictionLines, noticeLines } from '../render/contradictions.ts'
import { ConvertDisplay } from '../render/convert-display.ts'
import { dryRunDocument, dryRunText } from '../render/dry-run-view.ts'
import { stopOnSignals } from '../stop-signals.ts'
import { programVersion } from '../version.ts'
import { convertInDaemon, type HandedOver } from './convert-in-daemon.ts'

interface ConvertCommandOptions extends PlanCommandOptions {
  readonly type: readonly [Recipe, ...Recipe[]]
  readonly out?: string
  readonly threads?: number
  readonly maxMemory?: number
  readonly mix: MixName
  readonly dryRun?: boolean
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
    .option('--dry-run', 'only show the type and size of every tensor')
    .option('--force', 'replace the output if it exists')
    .option('--restart', 'begin anew, giving up what an earlier run left unfinished')
  return addPlanOptions(command).action(async (path: string, options: ConvertCommandOptions) => {
    await convertAll(path, options, globalOptions(command))
  })
}

async function convertAll(path: string, options: ConvertCommandOptions, global: GlobalOptions): Promise<void> {
  const model = await understandModel(path, options)
  if (!global.quiet) process.stderr.write(contradictionLines(model.description))
  const request = await readPlanRequest(options.type, options.mix, readPlanOptions(options))
  if (!global.quiet) process.stderr.write(noticeLines(requestNotices(model.description, request)))
  const output = outputPath(model.input.path, options.type, options.out)
  if (options.dryRun === true) {
    showDryRun(makePlan(model.input, model.description, request), output, global)
    return
  }
  const ownLimits = options.threads !== undefined || options.maxMemory !== undefined
  const outcome =
    (await convertInDaemon(jobRequest(model.input.path, output, options), global, ownLimits)) ??
    (await convertHere(model, request, output, options, global))
  if (outcome.kind !== 'published') {
    if (global.json) process.stdout.write(`${JSON.stringify({ outcome: outcome.kind, output, done: [] }, null, 2)}\n`)
    throw new ExitRequest(exitStatus.interrupted)
  }
  if (global.json) process.stdout.write(`${JSON.stringify({ outcome: 'published', done: outcome.files }, null, 2)}\n`)
}

function showDryRun(plan: Plan, output: string, { json }: GlobalOptions): void {
  const names = fileNames(plan, basename(output))
  const document = () => `${JSON.stringify(dryRunDocument(plan, names), null, 2)}\n`
  process.stdout.write(json ? document() : dryRunText(plan, names))
}

function jobRequest(model: string, output: string, options: ConvertCommandOptions): NewJobRequest {
  const { type, mix, force, restart } = options
  return {
    ...{ model, output, recipe: type.map(({ name }) => name).join(), mix },
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
