import { MiberaError } from '../../base/errors.ts'
import { quote } from '../../base/quote.ts'
import { windowsCommandLine } from './windows-command-line.ts'
import { xmlText } from './xml-text.ts'

export interface LogOnTask {
  /** Account whose log-on starts the task and that it runs as: `DOMAIN\name`. */
  readonly account: string
  /** Absolute program path and its arguments. */
  readonly argv: readonly string[]
  readonly workingFolder: string
}

/**
 * Task Scheduler's description of a task that runs the daemon from the user's log-on. Task schema 1.2 (Windows 7
 * and later).
 * @throws MiberaError USAGE when the program's path cannot be written such that it is taken literally.
 */
export function logOnTask({ account, argv, workingFolder }: LogOnTask): string {
  const [program = '', ...rest] = argv
  refuseVariables(program, 'Install Node.js in another folder.')
  refuseVariables(workingFolder, 'Use another folder.')
  // Limits and conditions that default to "on" would end the daemon after three days, or when a laptop is unplugged.
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>mibera: converts finished model downloads to GGUF</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${xmlText(account)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${xmlText(account)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${xmlText(program)}</Command>
      <Arguments>${xmlText(windowsCommandLine(rest))}</Arguments>
      <WorkingDirectory>${xmlText(workingFolder)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`
}

/** Outside of the arguments there is no way to write a percent sign or `$(` that is not looked at. */
function refuseVariables(path: string, hint: string): void {
  if (!/%[^%]+%|\$\(/.test(path)) return
  throw new MiberaError('USAGE', `${quote(path)} would be taken for a path with variables by the Task Scheduler`, {
    subject: path,
    hint,
  })
}
