import { fillTables, markdown, readResults } from './markdown-tables.ts'

/**
 * Writes the tables of README.md and docs/speed.md anew, from what the other scenarios have measured. Nothing is
 * measured here; what has no results yet has no table.
 */
interface Conversion {
  readonly oursSeconds: number
  readonly llamaSeconds: number
  readonly ratio: number
  readonly oursPeakBytes: number
  readonly llamaPeakBytes: number
}
interface Kernel {
  readonly ours: number
  readonly llama: number
  readonly ratio: number
  readonly set?: string
}

const columns = ['llama.cpp', 'mibera', 'times as fast', "llama.cpp's peak memory", "mibera's"]

await fillTables(new URL('../README.md', import.meta.url), await written({ conversion }))
await fillTables(
  new URL('../docs/speed.md', import.meta.url),
  await written({ recipes, pairs, threads, kernels, memory, machine }),
)

async function written(tables: Record<string, () => Promise<string>>): Promise<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const [name, table] of Object.entries(tables)) {
    try {
      texts[name] = await table()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      console.log(`${name}: not measured yet`)
    }
  }
  return texts
}

async function conversion(): Promise<string> {
  const whole = await readResults('conversion-Q3_K_M')
  const checkpoints = await readResults('checkpoints')
  const rows = [
    ['time', seconds(whole.llamaSeconds), seconds(whole.oursSeconds)],
    ['times as fast, by rounds', '', whole.ratios.map(times).join(', ')],
    ['of that, the least possible', '', `${seconds(Math.max(whole.readSeconds, whole.kernelSeconds / whole.threads))}`],
    ['of that, syncs and bookmarks', 'none', percent(checkpoints.share)],
    ['peak memory', mebibytes(whole.llamaPeakBytes), mebibytes(whole.oursPeakBytes)],
    ['disk besides the output', '3.4 GB (the F32 GGUF)', `${Math.round(whole.extraDisk / 1000)} kB`],
  ]
  return markdown(['F32 to Q3_K_M, 851 M weights, 2 threads', 'llama.cpp', 'mibera'], rows)
}

async function recipes(): Promise<string> {
  const { conversions } = await readResults('recipes')
  const rows = conversions.map((run: Conversion & { dtype: string; type: string }) => [
    `${run.dtype} to ${run.type}`,
    ...cells(run),
  ])
  return markdown(['', ...columns], rows)
}

async function pairs(): Promise<string> {
  const { types, togetherSeconds, apartSeconds, passSeconds, makingSeconds, kernelSeconds, peakBytes } =
    await readResults('pairs')
  const row = [
    types.join(', '),
    ...[apartSeconds, togetherSeconds, passSeconds, makingSeconds, kernelSeconds].map(seconds),
    mebibytes(peakBytes),
  ]
  return markdown(['', 'one after the other', 'together', 'the pass', 'slices', 'kernels alone', 'peak memory'], [row])
}

async function threads(): Promise<string> {
  const { counts } = await readResults('threads')
  return markdown(
    ['threads', ...columns],
    counts.map((run: Conversion & { threads: number }) => [String(run.threads), ...cells(run)]),
  )
}

function cells(run: Conversion): string[] {
  const { llamaSeconds, oursSeconds, ratio, llamaPeakBytes, oursPeakBytes } = run
  return [
    seconds(llamaSeconds),
    seconds(oursSeconds),
    times(ratio),
    mebibytes(llamaPeakBytes),
    mebibytes(oursPeakBytes),
  ]
}

async function kernels(): Promise<string> {
  const { ordinary, weighted, zeros, subnormals, slowest } = await readResults('kernels')
  const rows = Object.entries(ordinary as Record<string, Kernel>).map(([type, { ours, llama, ratio }]) => [
    type,
    String(llama),
    String(ours),
    ...[ratio, weighted?.[type]?.ratio, zeros[type]?.ratio, subnormals[type]?.ratio].map(times),
    slowest?.[type] === undefined ? '' : `${times(slowest[type].ratio)} (${slowest[type].set})`,
  ])
  const head = ['', 'llama.cpp', 'mibera', 'times as fast', 'with importances', 'zeros', 'subnormals', 'at worst']
  return markdown(head, rows)
}

async function memory(): Promise<string> {
  const { runs } = await readResults('memory')
  type Run = { kind: string; model: string; types: string; budgetBytes: number; peakBytes: number }
  const byKind = new Map<string, Run[]>()
  for (const run of runs as Run[]) byKind.set(run.kind, [...(byKind.get(run.kind) ?? []), run])
  const share = ({ peakBytes, budgetBytes }: Run) => peakBytes / budgetBytes
  const rows = [...byKind].map(([kind, ofKind]) => {
    const fullest = ofKind.reduce((one, other) => (share(other) > share(one) ? other : one))
    const { model, types, budgetBytes, peakBytes } = fullest
    const cells = [`${model} to ${types}`, mebibytes(budgetBytes), mebibytes(peakBytes), percent(share(fullest))]
    return [kind, String(ofKind.length), ...cells]
  })
  return markdown(['', 'conversions', 'the fullest', 'budget', 'peak', 'used'], rows)
}

async function machine(): Promise<string> {
  const { processor, processors, system, node, date } = await readResults('conversion-Q3_K_M')
  return `${processor}, ${processors} cores, ${system}, Node ${node.replace('v', '')}, ${date}.`
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`
}

function times(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(value < 100 ? 1 : 0)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
