import { readFileSync } from 'node:fs'
import { DOMParser } from '@xmldom/xmldom'
import { expect, test } from 'vitest'
import { validateXML } from 'xmllint-wasm'
import { logOnTask } from '#dist/daemon/service/task-scheduler.js'
import { hostileWords } from '../../helpers/hostile-words.ts'
import { refusal } from '../../helpers/refusal.ts'
import { windowsArgv } from '../../helpers/windows-argv.ts'

const schema = readFileSync(new URL('../../helpers/task-schema.xsd', import.meta.url), 'utf8')
const account = 'LAPTOP & SONS\\Jürgen <the 2nd>'
const program = 'C:\\Program Files\\nodejs (x86) & ü\\node.exe'
const workingFolder = 'C:\\Users\\Jürgen & Co'
const task = logOnTask({ account, argv: [program, ...hostileWords], workingFolder })

/** xmllint's findings. It reads UTF-8 alone. */
async function findings(text: string): Promise<string[]> {
  const contents = text.replace('encoding="UTF-16"', 'encoding="UTF-8"')
  const { errors } = await validateXML({ xml: { fileName: 'task.xml', contents }, schema })
  return errors.map(({ message }) => message)
}

function textOf(element: string): string {
  return new DOMParser().parseFromString(task, 'text/xml').getElementsByTagName(element)[0]?.textContent ?? ''
}

test("the task is valid by Task Scheduler's schema", async () => {
  expect(await findings(task)).toEqual([])
})

test('the schema does find mistakes', async () => {
  expect(await findings(task.replace('<Count>255<', '<Count>999<'))).not.toEqual([])
  expect(await findings(task.replace('<Priority>', '<Prioritet>').replace('</Priority>', '</Prioritet>'))).not.toEqual(
    [],
  )
})

test('the program gets its arguments as they are', () => {
  expect(textOf('Command')).toBe(program)
  expect(windowsArgv(textOf('Arguments'))).toEqual([...hostileWords])
  expect(textOf('WorkingDirectory')).toBe(workingFolder)
  expect(textOf('UserId')).toBe(account)
})

test('the daemon runs on battery and for as long as it likes', () => {
  expect(textOf('DisallowStartIfOnBatteries')).toBe('false')
  expect(textOf('StopIfGoingOnBatteries')).toBe('false')
  expect(textOf('ExecutionTimeLimit')).toBe('PT0S')
})

test.each(['C:\\%PATH%\\node.exe', 'C:\\$(Arg0)\\node.exe'])(
  'a program that cannot be named is refused: %s',
  async (path) => {
    const making = async () => logOnTask({ account, argv: [path], workingFolder })
    expect(await refusal(making())).toMatchObject({ code: 'USAGE' })
  },
)

test('one percent sign names no variable', () => {
  expect(logOnTask({ account, argv: ['C:\\100%\\node.exe'], workingFolder })).toContain('C:\\100%\\node.exe')
})
