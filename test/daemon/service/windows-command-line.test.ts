import fc from 'fast-check'
import { expect, test } from 'vitest'
import { windowsCommandLine } from '#dist/daemon/service/windows-command-line.js'
import { hostileWords } from '../../helpers/hostile-words.ts'
import { expandVariables, windowsArgv } from '../../helpers/windows-argv.ts'

// What another program makes of it: Node.js itself writes command lines by the same rules, without the percent signs.
test.each([
  ['plain', 'plain'],
  ['', '""'],
  ['two words', '"two words"'],
  ['C:\\two words\\', '"C:\\two words\\\\"'],
  ['say "no"', '"say \\"no\\""'],
  ['C:\\models\\x.gguf', 'C:\\models\\x.gguf'],
])('%j is written as usual: %s', (word, written) => {
  expect(windowsCommandLine([word])).toBe(written)
})

test('hostile arguments come through', () => {
  expect(windowsArgv(windowsCommandLine(hostileWords))).toEqual([...hostileWords])
})

test('any arguments come through, and no environment variable in them is replaced', () => {
  // Texts made of the characters that matter, and of the names of variables.
  const piece = fc.constantFrom('%', '"', '\\', ' ', '$', '(', ')', 'PATH', 'windir', 'Arg0', 'ü', '模')
  const word = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const variables = { PATH: 'C:\\', WINDIR: 'C:\\Windows', ' PATH': 'x', 'PATH ': 'y', Ü: 'z', '': '%' }
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string({ unit: 'binary' })), { maxLength: 5 }), (argv) => {
      const line = windowsCommandLine(argv)
      expect(windowsArgv(line)).toEqual(argv)
      const { '': _, ...named } = variables
      expect(expandVariables(line, named)).toBe(line)
      expect(line).not.toContain('$(')
    }),
    { numRuns: 2000 },
  )
})
