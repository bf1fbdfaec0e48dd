/**
 * Chunks of the bundle, the first to be filled first: each holds the modules that fit and all that they need, as far as
 * that is in no chunk yet. Without this there would be a chunk for every set of commands that share something, and
 * dozens of them to read for a single command. Paths may be of Windows.
 */
export const chunkGroups = [
  // What reads any command line, and starts the threads of a conversion. Not main.ts: who awaits a module that needs it
  // would wait for ever.
  group(
    'start',
    /src.(base|cli.(run-command-line|stop-signals|commands.(convert|inspect|plan|verify)\.ts|render.(progress|status|table|weight))|convert.least-memory|jobs.states|plan.plan-files)/,
  ),
  group('client', /src.daemon.client\.ts$/),
  group('state', /src.(daemon.stored-jobs|disk.(directory-lock|sqlite)|convert.state.[^/\\]+)\.ts$/),
  group('background', /src.cli.commands.(daemon|jobs|worker)\.ts$/),
  group('yaml', /node_modules.yaml./),
  group('zod', /node_modules.zod./),
  group('planning', /src.(formats|model|quant|plan|cli.options)./),
  group('converting', /src.(disk|convert.(?!verify)|cli.commands.convert-model)/),
]

function group(name: string, test: RegExp) {
  return { name, test }
}
