import { MiberaError } from '../../../base/errors.ts'
import type { OpenConversion } from '../../../convert/engine.ts'
import { remotePlan } from './remote-plan.ts'
import { SourceRanges } from './source-ranges.ts'
import { Spool } from './spool.ts'

/** A conversion that workers may take part in now. */
export interface ActiveConversion {
  readonly conversion: OpenConversion
  readonly ranges: SourceRanges
  /** `undefined`: results are uploaded. */
  readonly spool: Spool | undefined
  /** The plan as workers get it, in JSON. */
  readonly document: Buffer
}

/** Letters, digits and hyphens, as of {@link OpenConversion.key}. */
const lawfulKey = /^[A-Za-z0-9-]{1,100}$/

/** The conversions that workers may take part in. Whatever a request names is looked up here; nothing else exists. */
export class ActiveConversions {
  readonly #active = new Map<string, ActiveConversion>()

  /**
   * @returns ends the part of the workers, and removes what they left beside the output.
   * @throws MiberaError INTERNAL when a conversion of that key is active already; the system's error when the folder
   * for shared results cannot be made.
   */
  async add(
    conversion: OpenConversion,
    { sharedResults }: { readonly sharedResults: boolean },
  ): Promise<() => Promise<void>> {
    const { key, plan, part } = conversion
    if (!lawfulKey.test(key)) throw new MiberaError('INTERNAL', `a conversion cannot have the key ${key}`)
    if (this.#active.has(key)) throw new MiberaError('INTERNAL', `the conversion ${key} is active already`)
    const spool = sharedResults ? new Spool(part) : undefined
    await spool?.make()
    const shared = spool === undefined ? null : { folder: spool.folder, nonce: spool.nonce }
    const document = Buffer.from(JSON.stringify(remotePlan(key, plan, shared)))
    const active = { conversion, ranges: new SourceRanges(plan), spool, document }
    this.#active.set(key, active)
    return async () => {
      if (this.#active.get(key) === active) this.#active.delete(key)
      await spool?.remove()
    }
  }

  get(key: string): ActiveConversion | undefined {
    return this.#active.get(key)
  }

  /** @throws MiberaError CONVERSION_INACTIVE */
  require(key: string): ActiveConversion {
    const active = this.#active.get(key)
    if (active !== undefined) return active
    throw new MiberaError('CONVERSION_INACTIVE', `no conversion ${key} is in work`, {
      hint: 'It has ended, or waits: its jobs need nobody.',
    })
  }
}
