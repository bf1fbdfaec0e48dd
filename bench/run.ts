import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * `npm run bench -- [SCENARIO …] [-- OPTIONS]`: runs the named scenarios, or all, each in a process of its own. Results
 * go to bench/results with the machine and the date; the scenarios "speed" and "scaling" make the documentation's tables
 * of them. Each scenario takes less than five minutes on two cores.
 */
const scenarios = [
  ...['kernels', 'conversion', 'recipes', 'pairs', 'threads', 'memory', 'checkpoints', 'speed'],
  ...['startup', 'status', 'handout', 'coordinator', 'scaling'],
]

const words = process.argv.slice(2)
const separator = words.indexOf('--')
const named = separator < 0 ? words : words.slice(0, separator)
const options = separator < 0 ? [] : words.slice(separator + 1)
const unknown = named.find((name) => !scenarios.includes(name))

if (unknown === undefined) {
  for (const scenario of named.length > 0 ? named : scenarios) process.exitCode ||= await run(scenario)
} else {
  console.error(`bench: there is no scenario "${unknown}"; there are ${scenarios.join(', ')}`)
  process.exitCode = 2
}

function run(scenario: string): Promise<number> {
  console.log(`== ${scenario}`)
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const file = fileURLToPath(new URL(`./${scenario}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', loader, file, ...options], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve(status ?? 1))
  })
}
