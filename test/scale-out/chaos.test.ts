import { randomInt } from 'node:crypto'
import { beforeAll, describe, test } from 'vitest'
import { seededRandom } from '../helpers/random.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { type Disruption, disruptions } from './disruptions.ts'
import { Round } from './round.ts'
import { type TrialModel, writeTrialModel } from './trial-model.ts'

/** `MIBERA_LONG=1` asks for more rounds, with more and longer trouble in each; `MIBERA_SEED` repeats what was seen. */
const long = process.env.MIBERA_LONG === '1'
const rounds = long ? 20 : 3
const perRound = 6
const cut = long ? 30_000 : 3000
const lockSeconds = long ? 5 : 2
const firstSeed = Number(process.env.MIBERA_SEED ?? randomInt(2 ** 31))

const root = suiteFolder()
let model: TrialModel

beforeAll(async () => {
  model = await writeTrialModel(root())
})

describe('whatever goes wrong, each slice is taken once and the bytes are those of a plain conversion', () => {
  test.each(decks(seededRandom(firstSeed).integer))(
    `seed %i`,
    async (seed, chosen) => {
      await Round.run({ model, root: root(), seed, disruptions: chosen, cut, lockSeconds })
    },
    long ? 900_000 : 240_000,
  )
})

/** For each round a seed and what goes wrong in it: dealt, so that everything has its turn before anything has two. */
function decks(integer: (below: number) => number): [number, Disruption[]][] {
  const deck: Disruption[] = []
  return Array.from({ length: rounds }, (_, round) => {
    while (deck.length < perRound) deck.push(...shuffled(disruptions, integer))
    return [firstSeed + round, deck.splice(0, perRound)]
  })
}

function shuffled<T>(all: readonly T[], integer: (below: number) => number): T[] {
  const left = [...all]
  return all.flatMap(() => left.splice(integer(left.length), 1))
}
