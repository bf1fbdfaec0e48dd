import { constants, getPriority, setPriority } from 'node:os'

/**
 * Lets every other program have the processors first: what a person does at the machine, asking for the status
 * included, is not made to wait for conversions. On an idle machine this costs nothing. Threads begun later inherit it.
 */
export function standBack(): void {
  const wanted = constants.priority.PRIORITY_BELOW_NORMAL
  try {
    if (getPriority() < wanted) setPriority(wanted)
  } catch {
    // Where it is not allowed the daemon runs all the same.
  }
}
