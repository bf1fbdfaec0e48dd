import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import type { ServicePlan, ServiceStep } from './service.ts'
import type { ServiceRunner } from './service-runner.ts'

/**
 * Takes the steps of a plan in order.
 * @returns what to tell of steps that failed without mattering enough to stop.
 * @throws MiberaError SERVICE_FAILED when a command fails: later steps are not taken.
 */
export async function performSteps(
  plan: ServicePlan,
  steps: readonly ServiceStep[],
  run: ServiceRunner,
): Promise<string[]> {
  const notes: string[] = []
  for (const step of steps) {
    if (step.kind === 'write') await writeDescription(plan)
    else if (step.kind === 'remove') await rm(plan.file, { force: true })
    else await performCommand(step.words, step.ifItFails, run, notes)
  }
  return notes
}

async function performCommand(
  words: readonly string[],
  ifItFails: string | undefined,
  run: ServiceRunner,
  notes: string[],
): Promise<void> {
  const { status, output } = await run(words)
  if (status === 0) return
  if (ifItFails === undefined) throw commandFailed(words, status, output)
  if (ifItFails !== '') notes.push(ifItFails)
}

async function writeDescription({ file, text, encoding, folders }: ServicePlan): Promise<void> {
  for (const folder of [...folders, dirname(file)]) await mkdir(folder, { recursive: true })
  // The Task Scheduler tells UTF-16 by its byte order mark.
  await writeFile(file, encoding === 'utf16le' ? `\ufeff${text}` : text, { encoding, flush: true })
}

function commandFailed(words: readonly string[], status: number | undefined, output: string): MiberaError {
  const said = output === '' ? '' : `: ${output.split(/\r?\n/).slice(0, 3).join(' ')}`
  return new MiberaError('SERVICE_FAILED', `"${words.join(' ')}" failed (${status ?? 'not run'})${said}`, {
    subject: words[0] ?? '',
    hint: 'Add --print to see every step, and take the rest by hand once this one works.',
  })
}
