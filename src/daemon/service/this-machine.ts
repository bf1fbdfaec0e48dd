import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Machine } from './service.ts'

/** The machine and user that this process runs on and as. */
export function thisMachine(environment: NodeJS.ProcessEnv = process.env): Machine {
  const home = homedir()
  return {
    platform: process.platform,
    userId: process.getuid?.(),
    userName: userInfo().username,
    userDomain: environment.USERDOMAIN,
    home,
    configHome: environment.XDG_CONFIG_HOME || join(home, '.config'),
    localAppData: environment.LOCALAPPDATA || join(home, 'AppData', 'Local'),
  }
}
