import { pathToFileURL } from 'node:url'
import { register } from 'tsx/esm/api'

// Unlike `--import tsx` this is not handed on to the threads of the process, which run built files: each would take a
// third of a second longer to start.
register()
process.argv.splice(1, 1)
await import(pathToFileURL(process.argv[1] ?? '').href)
