import { check } from '../check.ts'
import { mibera, miberaJson } from '../mibera.ts'
import { withoutLies } from '../without-lies.ts'
import { type Demo, names } from '../workspace.ts'

interface PlanDocument {
  readonly recipes: readonly { readonly recipe: string; readonly outputBytes: number }[]
}

/** @returns bytes that the Q3_K_M file is planned to have. */
export async function planModel(demo: Demo): Promise<number> {
  demo.say.heading('What each type would cost on this machine, before anything is written')
  const words = ['plan', names.model]
  const [{ recipes }] = await Promise.all([
    miberaJson<PlanDocument>(demo, words),
    mibera(demo, words, { shorten: withoutLies }),
  ])
  const bytes = recipes.find(({ recipe }) => recipe === 'Q3_K_M')?.outputBytes
  check(bytes !== undefined, 'plan tells the size of Q3_K_M')
  return bytes
}
