import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type LlamaLibrary, openLlama, type Pointer, type QuantizeParameters } from './llama-library.ts'
import type { QuantizeLists } from './quantize-lists.ts'
import { typescriptChild } from './typescript-child.ts'

/**
 * llama.cpp in a process of its own: it aborts on files that it finds wrong beyond repair, which must not take the
 * tests with it. This file is both ends; run as a program, it is the process.
 */
export interface LlamaProcess {
  call<M extends Method>(method: M, ...args: Parameters<Methods[M]>): Promise<ReturnType<Methods[M]>>
  stop(): void
}

type Methods = ReturnType<typeof methods>
type Method = keyof Methods

interface Request {
  readonly number: number
  readonly method: Method
  readonly args: never[]
}

interface Reply {
  readonly number: number
  readonly value?: unknown
  readonly error?: string
}

export function startLlama(): LlamaProcess {
  const [runner = '', ...words] = typescriptChild(new URL(import.meta.url), 'serve')
  const child = fork(runner, words, {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  let stderr = ''
  let calls = 0
  const fail = (why: string) => {
    for (const { reject } of pending.values()) reject(new Error(`${why}\n${stderr}`))
    pending.clear()
  }
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk}`.slice(-8192)
  })
  child.on('error', (error) => fail(`llama.cpp's process did not start: ${error.message}`))
  child.on('close', (code, signal) => fail(`llama.cpp's process ended (${signal ?? code})`))
  child.on('message', ({ number, value, error }: Reply) => {
    const call = pending.get(number)
    pending.delete(number)
    if (error === undefined) call?.resolve(value as never)
    else call?.reject(new Error(error))
  })
  return {
    call(method, ...args) {
      const number = calls++
      return new Promise((resolve, reject) => {
        pending.set(number, { resolve, reject })
        child.send({ number, method, args }, (error) => error && fail(`llama.cpp's process is gone: ${error.message}`))
      })
    },
    stop: () => child.kill('SIGKILL'),
  }
}

function methods(llama: LlamaLibrary, lastLog: () => string) {
  let model: Pointer = null
  const vocabulary = () => llama.vocabulary(model)
  return {
    quantize(input: string, output: string, parameters: Partial<QuantizeParameters>, lists?: QuantizeLists) {
      const start = performance.now()
      if (llama.quantize(input, output, parameters, lists) !== 0)
        throw new Error(`llama.cpp cannot quantize:\n${lastLog()}`)
      const seconds = (performance.now() - start) / 1000
      return { seconds, peakBytes: process.resourceUsage().maxRSS * 1024, log: lastLog() }
    },
    load(path: string, vocabOnly: boolean) {
      model = llama.loadModel(path, { vocab_only: vocabOnly })
      if (model === null) throw new Error(`llama.cpp cannot load ${path}:\n${lastLog()}`)
      return { tokens: llama.tokenCount(vocabulary()), log: lastLog() }
    },
    refusals(paths: readonly string[]) {
      return paths.filter((path) => {
        const vocabularyOnly = llama.loadModel(path, { vocab_only: true })
        if (vocabularyOnly !== null) llama.freeModel(vocabularyOnly)
        return vocabularyOnly === null
      })
    },
    tokenize(texts: readonly string[], addSpecial: boolean, parseSpecial: boolean) {
      return texts.map((text) => llama.tokenize(vocabulary(), text, addSpecial, parseSpecial))
    },
    token(id: number) {
      return { text: llama.tokenText(vocabulary(), id), control: llama.isControl(vocabulary(), id) }
    },
    specialId: (role: 'bos' | 'eos' | 'pad' | 'eot' | 'sep') => llama.specialId(vocabulary(), role),
    generateGreedy(prompt: readonly number[], count: number, threads: number) {
      const context = llama.openContext(model, prompt.length + count, threads)
      if (context === null) throw new Error(`llama.cpp cannot run the model:\n${lastLog()}`)
      try {
        return greedy(llama, context, llama.tokenCount(vocabulary()), prompt, count)
      } finally {
        llama.freeContext(context)
      }
    },
  }
}

function greedy(llama: LlamaLibrary, context: Pointer, tokens: number, prompt: readonly number[], count: number) {
  const ids: number[] = []
  while (ids.length < count) {
    const last = ids.at(-1)
    const scores = llama.nextScores(context, last === undefined ? prompt : [last], tokens)
    let best = 0
    for (const [id, score] of scores.entries()) {
      if (!Number.isFinite(score)) throw new Error(`the score of token ${id} is ${score}`)
      if (score > (scores[best] ?? score)) best = id
    }
    ids.push(best)
  }
  return ids
}

function serve(): void {
  let log = ''
  const llama = openLlama((text) => {
    log = `${log}${text}`.slice(-65536)
  })
  const table = methods(llama, () => log.slice(-4096))
  process.on('message', ({ number, method, args }: Request) => {
    const reply: { number: number; value?: unknown; error?: string } = { number }
    try {
      reply.value = (table[method] as (...args: never[]) => unknown)(...args)
    } catch (error) {
      reply.error = error instanceof Error ? error.message : String(error)
    }
    process.send?.(reply)
  })
  process.on('disconnect', () => process.exit())
}

if (process.argv[2] === 'serve' && process.argv[1] === fileURLToPath(import.meta.url)) serve()
