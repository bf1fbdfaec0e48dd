import { writeSync } from 'node:fs'
import { lockDirectory } from '#dist/disk/directory-lock.js'

/** Holds a state directory until it is killed: `hold-state.ts DIRECTORY`. Prints a line once it does. */
lockDirectory(process.argv[2] ?? '')
writeSync(1, 'held\n')
setInterval(() => {}, 2 ** 30)
