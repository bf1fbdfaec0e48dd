import { xmlText } from './xml-text.ts'

export interface LaunchdAgent {
  readonly label: string
  /** Absolute program path and its arguments; launchd takes them as they are, without variables or patterns. */
  readonly argv: readonly string[]
  /** File that takes what the daemon says before its own log is open. Its folder must exist. */
  readonly errorFile: string
}

/** Property list of the launchd job that keeps the daemon running. Keys: launchd.plist(5). */
export function launchdAgent({ label, argv, errorFile }: LaunchdAgent): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  ${string(label)}
  <key>ProgramArguments</key>
  <array>
${argv.map((word) => `    ${string(word)}`).join('\n')}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <!-- Started again after a crash; a daemon that was told to stop stays stopped. -->
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <!-- Seconds from SIGTERM, which drains, to SIGKILL. -->
  <key>ExitTimeOut</key>
  <integer>20</integer>
  <key>Nice</key>
  <integer>10</integer>
  <key>StandardErrorPath</key>
  ${string(errorFile)}
</dict>
</plist>
`
}

function string(text: string): string {
  return `<string>${xmlText(text)}</string>`
}
