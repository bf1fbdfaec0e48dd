import fc from 'fast-check'
import { parse } from 'plist'
import { expect, test } from 'vitest'
import { validateXML } from 'xmllint-wasm'
import { launchdAgent } from '#dist/daemon/service/launchd-agent.js'
import { controlWords, hostilePosixWords, hostileWords } from '../../helpers/hostile-words.ts'
import { refusal } from '../../helpers/refusal.ts'

const argv = ['/opt/node & co/bin/node', ...hostileWords, ...hostilePosixWords]
const errorFile = '/Users/Jürgen/Library/Application Support/mibera/logs/crash.log'

test('a parser of property lists finds what launchd is to run', () => {
  expect(parse(launchdAgent({ label: 'mibera.daemon', argv, errorFile }))).toEqual({
    Label: 'mibera.daemon',
    ProgramArguments: argv,
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 10,
    ExitTimeOut: 20,
    Nice: 10,
    StandardErrorPath: errorFile,
  })
})

test('xmllint reads it', async () => {
  const contents = launchdAgent({ label: 'mibera.daemon', argv, errorFile })
  const { valid, errors } = await validateXML({ xml: { fileName: 'agent.plist', contents }, normalization: 'c14n' })
  expect({ valid, errors }).toEqual({ valid: true, errors: [] })
})

test('any text that XML can hold comes through', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold
  const foreign = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g
  const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll(foreign, ''))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (words) => {
      const parsed = parse(launchdAgent({ label: 'x', argv: words, errorFile })) as { ProgramArguments: string[] }
      expect(parsed.ProgramArguments).toEqual(words)
    }),
    { numRuns: 500 },
  )
})

test.each(['\u0001', '\u001b[31m', '\ud800', '\uffff'])('a path that XML cannot hold is refused: %j', async (word) => {
  const making = async () => launchdAgent({ label: 'x', argv: [word], errorFile })
  const error = await refusal(making())
  expect(error).toMatchObject({ code: 'USAGE' })
  expect(error.hint).toBeTruthy()
})

test('control characters that XML can hold come through', () => {
  const words = controlWords.filter((word) => /[\x7f\x85]/.test(word))
  expect(words).toHaveLength(2)
  expect(parse(launchdAgent({ label: 'x', argv: words, errorFile }))).toMatchObject({ ProgramArguments: words })
})
