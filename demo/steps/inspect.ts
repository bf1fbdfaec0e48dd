import { lyingConfig } from '../../fixtures/model-config.ts'
import { check } from '../check.ts'
import { mibera, miberaJson } from '../mibera.ts'
import { columns } from '../say.ts'
import { type Demo, names } from '../workspace.ts'
import type { BuiltModel } from './build-model.ts'

interface Inspection {
  readonly parameters: number
  readonly hyperparameters: Readonly<Record<string, { readonly value?: unknown }>>
  readonly contradictions: readonly { readonly where: string }[]
}

/** Fields of the config that lie, all but the name and the truth that embeddings are not tied. */
const lies = Object.keys(lyingConfig).filter((key) => key !== '_name_or_path' && key !== 'tie_word_embeddings')

/** Constants of Phi-4, which no tensor shows. */
const familyConstants = { ropeTheta: 250000, rmsEpsilon: 1e-5, contextLength: 16384 }

export async function inspectModel(demo: Demo, { shape, weights }: BuiltModel): Promise<void> {
  demo.say.heading('What it really is, from its tensors; every lie of the config is named')
  const words = ['inspect', names.model]
  const [{ parameters, hyperparameters, contradictions }] = await Promise.all([
    miberaJson<Inspection>(demo, words),
    mibera(demo, words, { shorten: cutReasons }),
  ])
  check(parameters === weights, `inspect counts ${weights} weights`)
  for (const [name, value] of Object.entries({ ...shape, ...familyConstants })) {
    check(hyperparameters[name]?.value === value, `inspect finds ${name} to be ${value}`)
  }
  for (const field of lies) {
    const named = contradictions.some(({ where }) => where.split(' ').includes(field))
    check(named, `inspect names the lie about ${field}`)
  }
}

/** Cuts reasons that run over several lines to their first, as their lines are indented further. */
function cutReasons(lines: readonly string[]): string[] {
  const continues = (line: string | undefined) => /^ {4,6}\S/.test(line ?? '')
  return lines.flatMap((line, index) => {
    if (continues(line)) return []
    return continues(lines[index + 1]) ? `${line.slice(0, columns - 2)} …` : line
  })
}
