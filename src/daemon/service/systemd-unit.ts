import type { ServiceScope } from './service.ts'

export interface SystemdUnit {
  readonly scope: ServiceScope
  /** Absolute program path and its arguments. */
  readonly argv: readonly string[]
  readonly stateDirectory: string
}

/** Text of the systemd unit that keeps the daemon running. Format: systemd.unit(5), systemd.service(5), systemd.exec(5). */
export function systemdUnit({ scope, argv, stateDirectory }: SystemdUnit): string {
  const system = scope === 'system'
  const lines = [
    '[Unit]',
    'Description=mibera: converts finished model downloads to GGUF',
    // Model folders and the state directory may lie on drives that are mounted late.
    ...(system ? ['After=remote-fs.target', ...requiredMounts(stateDirectory)] : []),
    // A machine that is out of memory or disk for an hour shall not end the retries.
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${execStart(argv)}`,
    // A daemon that was told to stop stays stopped, also where its drain was cut short (status 130); wrong settings
    // (status 2) do not mend themselves.
    'Restart=on-failure',
    'RestartSec=5',
    'SuccessExitStatus=130',
    'RestartPreventExitStatus=2',
    // SIGTERM drains in under 5 s. What is killed later resumes from its bookmarks.
    'KillMode=mixed',
    'TimeoutStopSec=20',
    // Work in the background that loses nothing when it is killed: better this than somebody's editor.
    'Nice=10',
    'OOMScoreAdjust=500',
    'NoNewPrivileges=yes',
    '',
    '[Install]',
    `WantedBy=${system ? 'multi-user.target' : 'default.target'}`,
  ]
  return `${lines.join('\n')}\n`
}

/** Here systemd knows no escapes for control characters: a path with such goes without. */
function requiredMounts(path: string): string[] {
  return /\p{Cc}/u.test(path) ? [] : [`RequiresMountsFor=${quoteWord(path)}`]
}

/**
 * The value of `ExecStart=` that executes exactly `argv`.
 *
 * systemd refuses program paths with quotes, backslashes or control characters however they are escaped; such a
 * program is started through the shell, whose place it takes.
 */
export function execStart(argv: readonly string[]): string {
  const [program = '', ...rest] = argv
  if (!/["'\\\p{Cc}]/u.test(program)) return [quoteWord(program), ...rest.map(quoteArgument)].join(' ')
  return ['/bin/sh', '-c', 'exec "$0" "$@"', ...argv].map(quoteArgument).join(' ')
}

/** An argument: as a word, and `$` doubled, which would begin a variable. Variables are not replaced in the program. */
function quoteArgument(argument: string): string {
  return quoteWord(argument.replaceAll('$', '$$$$'))
}

/**
 * A word in double quotes: C escapes for what ends lines or quotes, `%%` for the percent sign that begins a specifier.
 * Everything else, other scripts included, is written as it is, in UTF-8.
 */
function quoteWord(word: string): string {
  return `"${word.replace(/["\\%]|\p{Cc}/gu, escapeCharacter)}"`
}

function escapeCharacter(character: string): string {
  if (character === '%') return '%%'
  if (character === '"' || character === '\\') return `\\${character}`
  const code = character.charCodeAt(0)
  // C1 controls are two bytes in UTF-8; \x would name one byte.
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
