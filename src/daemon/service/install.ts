import { existsSync } from 'node:fs'
import { MiberaError } from '../../base/errors.ts'
import { performSteps } from './perform-steps.ts'
import type { ServicePlan } from './service.ts'
import type { ServiceRunner } from './service-runner.ts'

/**
 * Installs the service and starts it; where it is installed already, replaces its description and starts it again.
 * @returns what the user should know besides.
 * @throws MiberaError SERVICE_UNSUPPORTED before anything is touched; SERVICE_FAILED when a command fails.
 */
export async function installService(
  plan: ServicePlan,
  run: ServiceRunner,
  present: (plan: ServicePlan) => boolean = managerPresent,
): Promise<string[]> {
  if (!present(plan)) {
    throw new MiberaError('SERVICE_UNSUPPORTED', 'this system was not started by systemd', {
      subject: plan.manager,
      hint: 'In a container, have its runtime start the daemon (docs/containers.md). With --print you see the command.',
    })
  }
  return performSteps(plan, plan.install, run)
}

/** Whether the plan's service manager runs this system: sd_booted(3) for systemd; the others always do. */
function managerPresent({ manager }: ServicePlan): boolean {
  return manager !== 'systemd' || existsSync('/run/systemd/system')
}
