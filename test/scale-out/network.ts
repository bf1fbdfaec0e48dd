import { execFileSync, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** How a program of a trial is begun so that it is on another machine, as far as it can tell. */
export interface Machine {
  /** Where others reach it. */
  readonly address: string
  /** The words that begin `program` there. The process keeps the id of the process so begun. */
  command(program: string, words: readonly string[]): [string, string[]]
}

export interface Network {
  /** Redis, the coordinator, and what stands between them and the workers. */
  readonly hub: Machine
  readonly workers: readonly Machine[]
  /** Pulls the cable of a worker's machine, or puts it in again. */
  plug(worker: number, state: 'up' | 'down'): void
}

/** What keeps workers apart from the coordinator here. */
export type Isolation = 'network and mount namespaces' | 'mount namespaces' | 'processes'

const hides = 'mount -t tmpfs tmpfs "$0" && exec "$@"'

export const isolation = findIsolation()
if (isolation !== 'network and mount namespaces') {
  console.warn(
    `Not tested: workers in network namespaces of their own, which need Linux, root, ip and unshare. Workers are apart by ${isolation}.`,
  )
}

let networks = 0

/**
 * Machines for one test: the hub, and one for each worker. With root on Linux each has a network namespace of its own,
 * joined by a bridge that stands in the hub's; none has a way out. Workers find `hidden` empty. Gone after the test.
 */
export function network(workers: number, hidden: string): Network {
  if (isolation !== 'network and mount namespaces') return withoutNamespaces(workers, hidden)
  const name = `mibera-${process.pid}-${++networks}`
  const made: string[] = []
  onTestFinished(() => {
    for (const namespace of made) spawnSync('ip', ['netns', 'delete', namespace])
  })
  const add = (namespace: string) => {
    ip('netns', 'add', namespace)
    made.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }
  const hub = add(`${name}-hub`)
  ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge')
  ip('-n', hub, 'address', 'add', '10.77.0.1/24', 'dev', 'bridge')
  ip('-n', hub, 'link', 'set', 'bridge', 'up')
  const machines = Array.from({ length: workers }, (_, index): Machine => {
    const namespace = add(`${name}-worker-${index}`)
    const address = `10.77.0.${index + 11}`
    ip('-n', hub, 'link', 'add', cable(index), 'type', 'veth', 'peer', 'name', 'cable', 'netns', namespace)
    ip('-n', hub, 'link', 'set', cable(index), 'master', 'bridge', 'up')
    ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'cable')
    ip('-n', namespace, 'link', 'set', 'cable', 'up')
    return { address, command: (program, words) => inside(namespace, hiding(hidden, [program, ...words])) }
  })
  return {
    hub: { address: '10.77.0.1', command: (program, words) => inside(hub, [program, ...words]) },
    workers: machines,
    plug: (worker, state) => ip('-n', hub, 'link', 'set', cable(worker), state),
  }
}

function withoutNamespaces(workers: number, hidden: string): Network {
  const address = '127.0.0.1'
  const bare = (program: string, words: readonly string[]): [string, string[]] => [program, [...words]]
  const apart = (program: string, words: readonly string[]): [string, string[]] => {
    const [first = program, ...rest] = hiding(hidden, [program, ...words])
    return [first, rest]
  }
  const worker = { address, command: isolation === 'processes' ? bare : apart }
  return { hub: { address, command: bare }, workers: Array(workers).fill(worker), plug: () => {} }
}

function cable(worker: number): string {
  return `cable${worker}`
}

function inside(namespace: string, words: readonly string[]): [string, string[]] {
  return ['ip', ['netns', 'exec', namespace, ...words]]
}

function hiding(folder: string, words: readonly string[]): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user']
  return ['unshare', ...user, '--mount', 'sh', '-c', hides, folder, ...words]
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function findIsolation(): Isolation {
  if (process.platform !== 'linux') return 'processes'
  const [program = '', ...words] = hiding('/mnt', ['true'])
  if (spawnSync(program, words).status !== 0) return 'processes'
  const probe = `mibera-${process.pid}-probe`
  if (process.getuid?.() !== 0 || spawnSync('ip', ['netns', 'add', probe]).status !== 0) return 'mount namespaces'
  const works =
    spawnSync('ip', ['-n', probe, 'link', 'add', 'cable0', 'type', 'veth', 'peer', 'name', 'cable1']).status === 0
  spawnSync('ip', ['netns', 'delete', probe])
  return works ? 'network and mount namespaces' : 'mount namespaces'
}
