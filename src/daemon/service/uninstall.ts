import { existsSync } from 'node:fs'
import { performSteps } from './perform-steps.ts'
import type { ServicePlan } from './service.ts'
import type { ServiceRunner } from './service-runner.ts'

export interface UninstallOutcome {
  /** False where no service was installed: then nothing was done. */
  readonly removed: boolean
  readonly notes: readonly string[]
}

/**
 * Stops the service and removes it. The state directory stays: jobs and bookmarks are not the service's.
 * @throws MiberaError SERVICE_FAILED when a command fails; the description is then still there for a second try.
 */
export async function uninstallService(plan: ServicePlan, run: ServiceRunner): Promise<UninstallOutcome> {
  if (!existsSync(plan.file)) return { removed: false, notes: [] }
  return { removed: true, notes: await performSteps(plan, plan.uninstall, run) }
}
