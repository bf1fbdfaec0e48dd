import type { ServicePlan, ServiceStep } from '../../daemon/service/service.ts'
import { shownWords } from '../../daemon/service/shown-words.ts'

export type ServiceAction = 'install' | 'uninstall'

/** What would be done, for a person to read or to do by hand. */
export function printedPlan(plan: ServicePlan, action: ServiceAction, platform: NodeJS.Platform): string {
  const steps = plan[action].map((step) => `  ${stepText(plan, step, platform)}`).join('\n')
  const heading = `# ${plan.manager}, ${plan.scope} service ${plan.name}\n\n# Steps:\n${steps}\n`
  if (action === 'uninstall') return heading
  return `${heading}\n# ${plan.file}:\n${plan.text}`
}

/** The same as one JSON document. */
export function planDocument(plan: ServicePlan, action: ServiceAction): string {
  const { manager, scope, name, file, text, encoding } = plan
  const steps = plan[action].map((step) =>
    step.kind === 'run'
      ? { run: step.words, mayFail: step.ifItFails !== undefined }
      : { [step.kind]: file, ...(step.kind === 'write' ? { encoding, text } : {}) },
  )
  return `${JSON.stringify({ manager, scope, name, file, steps }, null, 2)}\n`
}

function stepText({ file }: ServicePlan, step: ServiceStep, platform: NodeJS.Platform): string {
  if (step.kind === 'write') return `write ${shownWords([file], platform)}, as below`
  if (step.kind === 'remove') return `remove ${shownWords([file], platform)}`
  return `${shownWords(step.words, platform)}${step.ifItFails === undefined ? '' : '   # may fail'}`
}
