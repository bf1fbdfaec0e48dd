import { formatBytes } from '../../base/byte-count.ts'
import type { RecipeAdvice } from '../../plan/advise.ts'
import type { RefusedRecipe } from '../../plan/plan-recipes.ts'
import { contradictionLines } from './contradictions.ts'
import type { PlanFacts } from './plan-document.ts'
import { table } from './table.ts'
import { wrap } from './wrap.ts'

/** `mibera plan` for a person: one row for each recipe, the recommended one marked. At most 80 columns. */
export function planText({ model, machine, advice, refused, recommended, context }: PlanFacts): string {
  const rows = advice.map((row) => [
    row === recommended ? '>' : '',
    row.recipe,
    formatBytes(row.outputBytes),
    row.bitsPerWeight.toFixed(2),
    row.fitsDisk ? 'yes' : 'no',
    formatBytes(row.run.total),
    row.fitsMemory ? 'yes' : 'no',
    row.fallbackBytes === 0 ? '' : `+${formatBytes(row.fallbackBytes)} fallback`,
  ])
  const head = ['', 'type', 'file', 'bits/weight', 'fits disk', 'RAM to run', 'fits RAM', '']
  return [
    contradictionLines(model),
    table(head, rows, 'llrrrrrl'),
    '',
    `This machine: ${formatBytes(machine.freeDisk)} of disk free, ${formatBytes(machine.memory)} of RAM.`,
    `RAM to run: in llama.cpp with ${context} tokens of context.`,
    ...(refused.length === 0 ? [] : wrap(leftOut(refused), 80)),
    ...wrap(advised(recommended, advice), 80),
    '',
  ].join('\n')
}

function advised(recommended: RecipeAdvice | undefined, advice: readonly RecipeAdvice[]): string {
  if (recommended !== undefined) return `Recommended: --type ${recommended.recipe}, the best that fits both.`
  if (advice.every(({ fitsDisk }) => !fitsDisk)) return 'None of these fits the free disk.'
  return 'None of these is recommended on this machine: what fits the disk does not fit the RAM, or is larger than useful.'
}

/** In a line which types are not in the table; `--type` with one of them tells why at length. */
function leftOut(refused: readonly RefusedRecipe[]): string {
  const names = (code: string) => refused.filter(({ error }) => error.code === code).map(({ recipe }) => recipe)
  const why = [
    ['importance matrix needed', names('IMPORTANCE_MISSING')],
    ['not for this model or mix', names('TYPE_UNSUPPORTED')],
    ['quantized already; see --allow-requantize', names('REQUANTIZE_REFUSED')],
  ] as const
  const reasons = why.filter(([, recipes]) => recipes.length > 0)
  return `Left out: ${reasons.map(([reason, recipes]) => `${recipes.join(', ')} (${reason})`).join('; ')}.`
}
