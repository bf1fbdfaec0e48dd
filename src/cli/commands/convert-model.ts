import { exitStatus } from '../../base/error-codes.ts'
import { convert } from '../../convert/convert.ts'
import { planPaths } from '../../convert/output-paths.ts'
import type { SpareThreads } from '../../convert/spare-threads.ts'
import type { NewJobRequest } from '../../daemon/protocol.ts'
import type { JobOptions } from '../../jobs/job-options.ts'
import { readPlanRequest } from '../../jobs/read-plan-request.ts'
import type { OpenedModel } from '../../model/open-model.ts'
import { importanceNotices } from '../../plan/importance-notices.ts'
import { makePlan } from '../../plan/make-plan.ts'
import type { Plan } from '../../plan/plan.ts'
import type { PlanRequest } from '../../plan/plan-request.ts'
import { requestNotices } from '../../plan/request-notices.ts'
import { ExitRequest } from '../exit-request.ts'
import type { GlobalOptions } from '../global-options.ts'
import { madeFile } from '../made-file.ts'
import { outputPath } from '../options/output-path.ts'
import type { Recipes } from '../options/parse.ts'
import { readPlanOptions } from '../options/plan-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { otherSplits } from '../other-splits.ts'
import { contradictionLines, noticeLines } from '../render/contradictions.ts'
import { ConvertDisplay } from '../render/convert-display.ts'
import { stopOnSignals } from '../stop-signals.ts'
import { programVersion } from '../version.ts'
import type { ConvertCommandOptions } from './convert.ts'
import type { HandedOver } from './convert-in-daemon.ts'
import { showDryRun } from './dry-run.ts'

export interface Machine {
  readonly threads: number
  readonly maxMemory: number
  readonly spareThreads: SpareThreads
  /** False where there is certainly none. */
  readonly mayHaveDaemon: boolean
}

/** What `mibera convert` does: in the daemon if one runs, else here. */
export async function convertModel(
  path: string,
  types: Recipes,
  options: ConvertCommandOptions,
  global: GlobalOptions,
  machine: Machine,
): Promise<void> {
  // A word that is wrong is told at once, not after the model was read.
  const planOptions = readPlanOptions(options)
  const model = await understandModel(path, options)
  if (!global.quiet) process.stderr.write(contradictionLines(model.description))
  const request = await readPlanRequest(types, options.mix, planOptions)
  if (!global.quiet) process.stderr.write(noticeLines(requestNotices(model.description, request)))
  const output = outputPath(model.input.path, types, options.out, request.split !== undefined)
  if (options.dryRun === true) return showDryRun(model, request, output, global)
  const plan = makePlan(model.input, model.description, request)
  if (!global.quiet) process.stderr.write(noticeLines([...importanceNotices(plan), ...otherSplits(plan, output)]))
  const ownLimits = options.threads !== undefined || options.maxMemory !== undefined
  const outcome =
    (machine.mayHaveDaemon
      ? await handOver(
          jobRequest(model.input.path, output, request, { ...planOptions, ...beginning(options) }),
          global,
          ownLimits,
        )
      : undefined) ?? (await convertHere(model, plan, output, options, global, machine))
  if (outcome.kind !== 'published') {
    if (global.json) {
      const files = planPaths(plan, output).map((paths) => paths.output)
      process.stdout.write(`${JSON.stringify({ outcome: outcome.kind, files, done: [] }, null, 2)}\n`)
    }
    throw new ExitRequest(exitStatus.interrupted)
  }
  if (global.json) process.stdout.write(`${JSON.stringify({ outcome: 'published', done: outcome.files }, null, 2)}\n`)
}

async function handOver(
  request: NewJobRequest,
  global: GlobalOptions,
  ownLimits: boolean,
): Promise<HandedOver | undefined> {
  const { convertInDaemon } = await import('./convert-in-daemon.ts')
  return convertInDaemon(request, global, ownLimits)
}

function jobRequest(model: string, output: string, { recipes, mix }: PlanRequest, options: JobOptions): NewJobRequest {
  return { model, output, recipe: recipes.map(({ name }) => name).join(), mix, options }
}

function beginning({ force, restart }: ConvertCommandOptions): Pick<JobOptions, 'force' | 'restart'> {
  return { ...(force === undefined ? {} : { force }), ...(restart === undefined ? {} : { restart }) }
}

async function convertHere(
  { input, description }: OpenedModel,
  plan: Plan,
  output: string,
  options: ConvertCommandOptions,
  global: GlobalOptions,
  { threads, maxMemory, spareThreads }: Machine,
): Promise<HandedOver | { readonly kind: 'stopped' }> {
  const display = new ConvertDisplay(plan, output, global)
  const signals = stopOnSignals(() => display.stopping())
  try {
    const outcome = await convert(plan, {
      output,
      model: input.path,
      version: programVersion(),
      contradictions: description.contradictions,
      stateDirectory: global.stateDirectory,
      ...{ threads, maxMemory, spareThreads },
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
