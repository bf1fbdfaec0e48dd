/** A claim of the demo that did not hold. */
export class ClaimFailed extends Error {}

/** @throws ClaimFailed unless `holds`; `claim` is what the demo says, in words. */
export function check(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new ClaimFailed(`This did not hold: ${claim}`)
}
