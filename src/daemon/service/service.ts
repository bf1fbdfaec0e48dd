/** Whether the service belongs to the machine (installed by root) or to one user. */
export type ServiceScope = 'system' | 'user'

export type ServiceManager = 'systemd' | 'launchd' | 'task-scheduler'

/** What a service manager shall run. All paths are absolute: nothing of the shell's environment is there at boot. */
export interface ServiceWish {
  /** Program and arguments of the daemon in the foreground. */
  readonly start: readonly string[]
  /** Program and arguments that stop a running daemon of the same state directory. */
  readonly stop: readonly string[]
  readonly stateDirectory: string
}

/** What the plan depends on, of the machine and the user that it is made for. */
export interface Machine {
  readonly platform: NodeJS.Platform
  /** Undefined on Windows. */
  readonly userId: number | undefined
  readonly userName: string
  /** Windows: domain or computer that the account belongs to. */
  readonly userDomain: string | undefined
  readonly home: string
  /** Where a user's systemd looks: `$XDG_CONFIG_HOME` or `~/.config`. */
  readonly configHome: string
  /** Windows: `%LOCALAPPDATA%`. */
  readonly localAppData: string
}

/** One step of installing or removing, in order. */
export type ServiceStep =
  | { readonly kind: 'write' }
  | { readonly kind: 'remove' }
  | {
      readonly kind: 'run'
      readonly words: readonly string[]
      /** Given where a failure does not matter enough to stop: what to tell then, or '' for nothing. */
      readonly ifItFails?: string
    }

/** Everything that installing or removing the service does; made without touching the machine. */
export interface ServicePlan {
  readonly manager: ServiceManager
  readonly scope: ServiceScope
  /** Name by which the service manager knows it. */
  readonly name: string
  /** Absolute path of the file that describes the service. */
  readonly file: string
  readonly text: string
  readonly encoding: 'utf8' | 'utf16le'
  /** Folders that must be there before the service starts. */
  readonly folders: readonly string[]
  readonly install: readonly ServiceStep[]
  readonly uninstall: readonly ServiceStep[]
}
