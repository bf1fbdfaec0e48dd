import { spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { execStart, systemdUnit } from '#dist/daemon/service/systemd-unit.js'
import { controlWords, hostilePosixWords, hostileWords } from '../../helpers/hostile-words.ts'
import { noAnalyze, systemdManager } from '../../helpers/systemd.ts'
import { systemdArgv } from '../../helpers/systemd-words.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

const words = [...hostileWords, ...hostilePosixWords, ...controlWords]
/**
 * Runs systemd's test mode. Nobody may make control groups, which a systemd run by anybody else could set about, moving
 * other processes into them; and only root can become nobody.
 */
const nobody = 65534
const root = process.getuid?.() === 0

test('hostile arguments are executed as they are', () => {
  const argv = ['/usr/bin/node', ...words]
  expect(systemdArgv(execStart(argv))).toEqual(argv)
  for (const word of words) expect(systemdArgv(execStart(['/usr/bin/node', word]))).toEqual(['/usr/bin/node', word])
})

test('any text without a zero byte comes through, in one line', () => {
  const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (rest) => {
      const value = execStart(['/usr/bin/node', ...rest])
      expect(value).not.toMatch(/[\n\r]/)
      expect(systemdArgv(value)).toEqual(['/usr/bin/node', ...rest])
    }),
    { numRuns: 500 },
  )
})

test('a program in a folder with spaces, percent and dollar signs or other scripts is named directly', () => {
  for (const program of ['/a b/node', '/100%/node', '/$HOME/node', '/模型/node'])
    expect(systemdArgv(execStart([program, 'x']))).toEqual([program, 'x'])
})

describe.skipIf(process.platform === 'win32')('a program that systemd refuses to name', () => {
  test.each(['it\'s "here"', 'back\\slash', 'line\nbreak'])('runs with its arguments: %j', async (name) => {
    const folder = join(await temporaryFolder(), name)
    await mkdir(folder)
    const program = join(folder, 'node')
    await symlink(process.execPath, program)
    const argv = [program, '-p', 'JSON.stringify(process.argv.slice(1))', '--', ...words]
    const [shell = '', ...rest] = systemdArgv(execStart(argv))
    expect(shell).toBe('/bin/sh')
    const { stdout } = spawnSync(shell, rest, { encoding: 'utf8' })
    expect(JSON.parse(stdout)).toEqual(words)
  })
})

if (noAnalyze !== undefined) console.warn(`Not tested: units by systemd-analyze verify. ${noAnalyze}.`)

describe.skipIf(noAnalyze !== undefined)('systemd-analyze verify', () => {
  /** What systemd-analyze says of the unit, where it stands in a folder by itself. */
  async function verify(text: string, scope: 'user' | 'system'): Promise<{ status: number | null; stderr: string }> {
    const folder = await temporaryFolder()
    const file = join(folder, 'mibera.service')
    await writeFile(file, text)
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', `--${scope}`, '--man=no', file], {
      encoding: 'utf8',
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
    })
    return { status, stderr: relevantLines(stderr) }
  }

  /** Units of the system that this machine has half installed are not ours to answer for. */
  function relevantLines(stderr: string): string {
    return stderr
      .split('\n')
      .filter((line) => line.includes('mibera'))
      .join('\n')
  }

  test.each(['user', 'system'] as const)('finds nothing to say about the %s unit', async (scope) => {
    const stateDirectory = '/var/lib/mi bera/%h/ü "quoted"'
    const argv = [process.execPath, ...words, '--state-dir', stateDirectory]
    expect(await verify(systemdUnit({ scope, argv, stateDirectory }), scope)).toEqual({ status: 0, stderr: '' })
  })

  test('does speak up about a broken unit', async () => {
    const text = systemdUnit({ scope: 'user', argv: ['/nowhere/node', 'x'], stateDirectory: '/s' })
    const { status, stderr } = await verify(text.replace('RestartSec=5', 'RestartSecs=5'), 'user')
    expect(status).not.toBe(0)
    expect(stderr).toContain('RestartSecs')
    expect(stderr).toContain('/nowhere/node')
  })
})

const noTestMode = systemdManager === undefined ? 'It is not installed' : root ? undefined : 'This needs root'
if (noTestMode !== undefined) console.warn(`Not tested: units as systemd itself reads them. ${noTestMode}.`)

describe.skipIf(noTestMode !== undefined)('systemd itself', () => {
  test('reads the arguments and the state directory as they are', async () => {
    const folder = await temporaryFolder()
    const units = join(folder, '.config/systemd/user')
    const stateDirectory = '/var/lib/mi bera/%h/ü "quoted"/back\\slash'
    const argv = ['/usr/bin/env', ...words]
    await mkdir(units, { recursive: true })
    // Required mounts are written into system units only; a user's systemd reads them by the same rules.
    const text = systemdUnit({ scope: 'system', argv, stateDirectory }).replace('multi-user.target', 'default.target')
    await writeFile(join(units, 'mibera.service'), text)
    await mkdir(join(folder, 'run'), { mode: 0o700 })
    await chmod(folder, 0o755)
    await chown(join(folder, 'run'), nobody, nobody)
    const dump = testMode(folder)
    expect(commandLine(dump).map(withoutVariables)).toEqual(argv)
    expect(dump).toContain(`RequiresMountsFor: ${stateDirectory} (`)
    expect(dump).toContain('Restart: on-failure')
  })

  /** All that `systemd --test` prints of the units in a home folder. */
  function testMode(home: string): string {
    const { stdout } = spawnSync(systemdManager ?? '', ['--user', '--test', '--unit=mibera.service'], {
      encoding: 'utf8',
      maxBuffer: 16 * 1024 * 1024,
      env: { PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: join(home, 'run') },
      uid: nobody,
      gid: nobody,
    })
    return stdout
  }

  /** Variables are replaced only when the command runs: in what was read, `$$` still stands for `$`. */
  function withoutVariables(word: string): string {
    expect(word.replaceAll('$$', '')).not.toContain('$')
    return word.replaceAll('$$', '$')
  }
})

/** The words that systemd printed, quoted as for a shell: its own print, not what a unit may contain. */
function commandLine(dump: string): string[] {
  const line = /-> Unit mibera\.service:.*?Command Line: (.*?)\n/s.exec(dump)?.[1] ?? ''
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|[^ ]+/gu)].map(([bare, quoted]) =>
    quoted === undefined
      ? bare
      : quoted.replaceAll(/\\([0-7]{3}|.)/gu, (_, code: string) => printed[code] ?? octal(code)),
  )
}

const printed: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function octal(code: string): string {
  return code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : code
}
