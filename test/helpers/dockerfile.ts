import { readFileSync } from 'node:fs'
import { DockerfileParser } from 'dockerfile-ast'

export interface Instruction {
  readonly keyword: string
  readonly words: readonly string[]
  /** Everything after the keyword, lines joined. */
  readonly text: string
}

export interface Stage {
  readonly base: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

const file = new URL('../../Dockerfile', import.meta.url)

export const dockerfileText = readFileSync(file, 'utf8')

/** The project's Dockerfile, stage by stage. */
export function dockerfileStages(): Stage[] {
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const instruction of DockerfileParser.parse(dockerfileText).getInstructions()) {
    const keyword = instruction.getKeyword()
    const words = instruction.getArguments().map((word) => word.getValue())
    if (keyword === 'FROM') stages.push({ base: words[0] ?? '', name: words[2], instructions: [] })
    else stages.at(-1)?.instructions.push({ keyword, words, text: joined(instruction.getTextContent(), keyword) })
  }
  return stages
}

/** The JSON form of a command: `CMD ["a", "b"]`. */
export function commandWords(stage: Stage, keyword: string): string[] {
  const { text } = stage.instructions.find((instruction) => instruction.keyword === keyword) ?? { text: '' }
  return JSON.parse(text.slice(text.indexOf('['))) as string[]
}

function joined(text: string, keyword: string): string {
  return text
    .slice(keyword.length)
    .replaceAll(/\\\r?\n\s*/g, '')
    .trim()
}
