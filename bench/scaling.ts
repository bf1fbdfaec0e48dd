import { fillTables, markdown, readResults } from './markdown-tables.ts'
import { type Constants, constantsOf, crossover, type Place, places, type Way, ways } from './scaling/model.ts'

/**
 * Writes the tables of docs/scaling.md anew, from what the scenarios "handout" and "coordinator" have measured. Nothing
 * is measured here.
 */
const page = new URL('../docs/scaling.md', import.meta.url)
const measured = { handout: await readResults('handout'), coordinator: await readResults('coordinator') }
const constants = constantsOf(measured.handout, measured.coordinator)
const workerCounts = [1, 10, 100, 1000]
const gigabits = [1, 10, 100]
const dtypes = ['F32', 'BF16'] as const
const recipes = ['Q3_K_M', 'Q4_K_M', 'Q2_K'] as const

const tables: Record<string, string> = {
  measured: measuredTable(constants),
  handout: handoutTable(),
  limits: limitsTable(constants),
  workers: workersTable(constants),
}

await fillTables(page, tables)
console.log(Object.values(tables).join('\n\n'))

function measuredTable(c: Constants): string {
  const rows = [
    ['handing out a job: plan, list of work, BullMQ', milliseconds(c.jobMs)],
    ['answering a small request', milliseconds(c.requestMs)],
    ['handing out 4 MiB of a source, plain', milliseconds(c.range.http)],
    ['… over TLS', milliseconds(c.range.https)],
    [`taking a slice of ${(c.sliceBytes / 1e6).toFixed(2)} MB by upload, plain`, milliseconds(c.slice.http)],
    ['… over TLS', milliseconds(c.slice.https)],
    ['… from the shared folder', milliseconds(c.slice.shared)],
    ['the same slice on other threads (check, write), over TLS', milliseconds(c.otherThreadsMs)],
    [`sync of ${c.batch.bytes / 2 ** 20} MiB of output, beside the loop`, milliseconds(c.batch.syncMilliseconds)],
    [`commit of its ${c.batch.slices} bookmarks`, milliseconds(c.batch.commitMilliseconds)],
  ]
  const rates = recipes.map((recipe) => [
    `a worker's thread, ${recipe} (${c.rate(recipe).bitsPerWeight.toFixed(2)} bits per weight)`,
    `${(c.rate(recipe).weightsPerSecond / 1e6).toFixed(0)} M weights/s`,
  ])
  return markdown(['one…', 'takes'], [...rows, ...rates])
}

function handoutTable(): string {
  const rows = ['messages', 'http'].flatMap((delivery) =>
    (measured.handout[delivery] as Record<string, number>[]).map((run) => [
      delivery === 'messages' ? 'queue alone' : 'with the listener',
      ...[run.workers, run.jobs, run.jobsPerSecond].map((value) => thousands(value ?? Number.NaN)),
      `${run.greatestDepth} (${run.lookAhead})`,
      `${((run.greatestMemory ?? 0) / 2 ** 20).toFixed(1)} MiB`,
      `${mebibytes(run.residentEarly)} → ${mebibytes(run.residentLate)} MiB`,
      `${mebibytes(run.heapEarly)} → ${mebibytes(run.heapLate)} MiB`,
    ]),
  )
  const head = ['', 'workers', 'jobs', 'jobs/s', 'in Redis at most (look-ahead)', 'Redis', "coordinator's RSS", 'heap']
  return markdown(head, rows)
}

/** What one coordinator can do at the most, and how many threads that is. */
function limitsTable(c: Constants): string {
  const rows = recipes.flatMap((recipe) =>
    dtypes.map((dtype) => [
      `${recipe} from ${dtype}`,
      ...gigabits.flatMap((gigabit) =>
        ways.map((way) => {
          const { limit, by } = crossover(c, { recipe, dtype, gigabit, workers: 1 }, way)
          return `${threads(limit / c.rate(recipe).weightsPerSecond)}${by}`
        }),
      ),
    ]),
  )
  const head = ['', ...gigabits.flatMap((gigabit) => ways.map((way) => `${gigabit} Gbit/s, ${way}`))]
  return markdown(head, rows)
}

function workersTable(c: Constants): string {
  const rows = recipes.flatMap((recipe) =>
    dtypes.flatMap((dtype) =>
      gigabits.map((gigabit) => [
        `${recipe} from ${dtype}, ${gigabit} Gbit/s`,
        ...workerCounts.map((workers) =>
          ways.map((way) => cell(c, { recipe, dtype, gigabit, workers }, way)).join(' / '),
        ),
      ]),
    ),
  )
  return markdown(['', ...workerCounts.map((count) => thousands(count))], rows)
}

function cell(c: Constants, place: Place, way: Way): string {
  const { limit, by } = places(c, place, way)
  return `${threads(limit / 1e9)}${by}`
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`
}

function mebibytes(bytes = Number.NaN): string {
  return (bytes / 2 ** 20).toFixed(0)
}

function thousands(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ')
}

/** Two digits that count. */
function threads(value: number): string {
  return Number(value.toPrecision(2)).toString()
}
