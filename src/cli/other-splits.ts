import { readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { planPaths } from '../convert/output-paths.ts'
import type { Plan } from '../plan/plan.ts'

/**
 * Which files of an earlier split would lie beside those of this one, of another number: "m-00001-of-00003.gguf" beside
 * "m-00001-of-00004.gguf". Nothing replaces them, and llama.cpp takes whichever of the two is named. One line for each
 * set, for a person.
 */
export function otherSplits(plan: Plan, output: string): string[] {
  const folder = dirname(output)
  const ours = new Set(planPaths(plan, output).map((paths) => basename(paths.output)))
  const sources = new Set(plan.sources.map(({ path }) => resolve(path)))
  const stems = new Set([...ours].flatMap((name) => placeIn(name)?.stem ?? []))
  const others = new Map<string, string[]>()
  for (const name of stems.size === 0 ? [] : namesIn(folder)) {
    const place = placeIn(name)
    if (place === undefined || !stems.has(place.stem)) continue
    if (ours.has(name) || sources.has(join(folder, name))) continue
    const set = `${place.stem} of ${place.count}`
    others.set(set, [...(others.get(set) ?? []), name])
  }
  return [...others.values()].map(([first = '', ...more]) => {
    const path = join(folder, first)
    return more.length === 0
      ? `${path} of an earlier split stays: delete it when you no longer need it`
      : `${path} and ${more.length} more of an earlier split stay: delete them when you no longer need them`
  })
}

/** A folder that may be written into but not listed is no reason to stop. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function placeIn(name: string): { readonly stem: string; readonly count: string } | undefined {
  const [, stem, count] = /^(.+)-\d{5}-of-(\d{5})\.gguf$/.exec(name) ?? []
  return stem === undefined || count === undefined ? undefined : { stem, count }
}
