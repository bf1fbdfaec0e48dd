import { formatBytes } from '../../base/byte-count.ts'
import type { Contradiction, Fact, Hyperparameters } from '../../model/description.ts'
import type { UnderstoodFolder } from '../options/understand-model.ts'
import { metadataTable } from './metadata-table.ts'
import { table } from './table.ts'
import { weightCount } from './weight-count.ts'
import { wrap } from './wrap.ts'

const width = 80

const labels: Readonly<Record<keyof Hyperparameters, string>> = {
  layers: 'layers',
  hidden: 'hidden size',
  feedForward: 'feed-forward size',
  vocabulary: 'vocabulary (rows)',
  heads: 'attention heads',
  kvHeads: 'key/value heads',
  headSize: 'head size',
  ropeDimensions: 'rope dimensions',
  ropeTheta: 'rope theta',
  rmsEpsilon: 'RMS epsilon',
  contextLength: 'context length',
  slidingWindow: 'sliding window',
  tiedEmbeddings: 'tied embeddings',
}

/** `mibera inspect` on a folder, for a person. With `verbose` also the metadata that the GGUF would have. */
export function modelText({ folder, description }: UnderstoodFolder, verbose: boolean): string {
  const { family, knownAs, recognisedBy, architecture, parameters, hyperparameters, contradictions, metadata } =
    description
  const bytes = folder.shards.reduce((sum, { size }) => sum + size, 0)
  const dtypes = [...new Set([...folder.tensors.values()].map(({ dtype }) => dtype))].join(', ')
  const facts = (Object.keys(labels) as (keyof Hyperparameters)[]).map((key) =>
    factRow(labels[key], hyperparameters[key]),
  )
  const lines = [
    `${folder.path}`,
    `  ${knownAs ?? 'unknown model'}, family ${family}, llama.cpp architecture ${architecture}`,
    `  ${weightCount(parameters)} weights in ${folder.tensors.size} tensors of ${dtypes}, ${folder.shards.length} ` +
      `${folder.shards.length === 1 ? 'shard' : 'shards'}, ${formatBytes(bytes)}`,
    ...(recognisedBy === undefined ? [] : wrap(`  recognised by: ${recognisedBy}`, width)),
    '',
    table(['', 'value', 'known from', 'because'], facts, 'lrll', width),
    '',
    ...contradictionText(contradictions),
  ]
  if (verbose) lines.push('', 'Metadata of the GGUF:', metadataTable(metadata))
  return `${lines.join('\n')}\n`
}

/** `mibera inspect --json` on a folder. */
export function modelDocument({ folder, description }: UnderstoodFolder): object {
  const { family, knownAs, recognisedBy, architecture, parameters, hyperparameters, contradictions } = description
  return {
    kind: 'model',
    path: folder.path,
    family,
    knownAs: knownAs ?? null,
    recognisedBy: recognisedBy ?? null,
    architecture,
    parameters,
    hyperparameters,
    contradictions,
    shards: folder.shards.map(({ name, size }) => ({ name, bytes: size })),
    tensors: folder.tensors.size,
  }
}

function factRow(label: string, { value, origin, because }: Fact<unknown>): string[] {
  return [`  ${label}`, value === undefined ? 'none' : valueText(value), origin, because]
}

/** Small numbers as people write them: 1e-5, not 0.00001. */
function valueText(value: unknown): string {
  return typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value)
}

function contradictionText(contradictions: readonly Contradiction[]): string[] {
  if (contradictions.length === 0) return ['Nothing in its files contradicts this.']
  const lines = contradictions.map(
    ({ where, claimed, actual, because }) => `  ${where} says ${claimed}, it is ${actual}: ${because}`,
  )
  return [`${contradictions.length} claims of its files are not true:`, ...lines.flatMap((line) => wrap(line, width))]
}
