import { startLlama } from './llama-process.ts'
import type { QuantizeLists } from './quantize-lists.ts'

/** `enum llama_ftype` in llama.cpp's include/llama.h, by the names of our recipes. */
export const fileTypes = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K_S: 11,
  Q3_K_M: 12,
  Q3_K_L: 13,
  Q4_K_S: 14,
  Q4_K_M: 15,
  Q5_K_S: 16,
  Q5_K_M: 17,
  Q6_K: 18,
  Q2_K_S: 21,
  IQ2_XXS: 19,
  IQ2_XS: 20,
  IQ3_XS: 22,
  IQ3_XXS: 23,
  IQ1_S: 24,
  IQ4_NL: 25,
  IQ3_S: 26,
  IQ3_M: 27,
  IQ2_S: 28,
  IQ2_M: 29,
  IQ4_XS: 30,
  IQ1_M: 31,
  TQ1_0: 36,
  TQ2_0: 37,
  MXFP4_MOE: 38,
  Q1_0: 40,
  Q2_0: 41,
  BF16: 32,
} as const

export interface QuantizeOptions {
  readonly ftype: keyof typeof fileTypes
  readonly threads?: number
  /** Only choose types and reckon sizes; they stand in the log. */
  readonly dryRun?: boolean
  /** All tensors of the recipe's plain type. */
  readonly pure?: boolean
  /** An input of several files gives as many, with the same tensors. */
  readonly keepSplit?: boolean
  /** ggml type number of the output tensor, and of the token embedding, instead of the recipe's. */
  readonly outputType?: number
  readonly embeddingType?: number
  /** Quantize anew what is quantized already. */
  readonly allowRequantize?: boolean
  /** Leave the output tensor as it is. */
  readonly leaveOutput?: boolean
  /** Leave all tensors as they are. */
  readonly onlyCopy?: boolean
  readonly lists?: QuantizeLists
}

export interface QuantizeResult {
  /** Of the call alone. */
  readonly seconds: number
  /** Highest resident memory of the process that did it. */
  readonly peakBytes: number
  readonly log: string
}

/** GGML_TYPE_COUNT of the library: no type asked for. */
const noType = 43

/** Quantizes a GGUF with llama.cpp's own `llama_model_quantize`, in a fresh process. */
export async function quantizeModel(input: string, output: string, options: QuantizeOptions): Promise<QuantizeResult> {
  const quantizer = openQuantizer()
  try {
    return await quantizer.quantize(input, output, options)
  } finally {
    quantizer.stop()
  }
}

export interface Quantizer {
  quantize(input: string, output: string, options: QuantizeOptions): Promise<QuantizeResult>
  stop(): void
}

/** The same for many files, in one process. */
export function openQuantizer(): Quantizer {
  const llama = startLlama()
  return {
    quantize: (input, output, options) => {
      const parameters = {
        ftype: fileTypes[options.ftype],
        nthread: options.threads ?? 2,
        dry_run: options.dryRun ?? false,
        pure: options.pure ?? false,
        quantize_output_tensor: options.leaveOutput !== true,
        only_copy: options.onlyCopy ?? false,
        keep_split: options.keepSplit ?? false,
        output_tensor_type: options.outputType ?? noType,
        token_embedding_type: options.embeddingType ?? noType,
        allow_requantize: options.allowRequantize ?? false,
      }
      return llama.call('quantize', input, output, parameters, options.lists)
    },
    stop: () => llama.stop(),
  }
}

export interface TokenizeOptions {
  /** Put BOS and EOS around the text where the vocabulary says so. */
  readonly addSpecial?: boolean
  /** Read "<|im_end|>" as that token rather than as text. */
  readonly parseSpecial?: boolean
}

export interface LoadedModel {
  /** Tokens in the vocabulary. */
  readonly tokens: number
  /** What llama.cpp said while loading: metadata, warnings. */
  readonly log: string
  tokenize(text: string, options?: TokenizeOptions): Promise<number[]>
  tokenizeAll(texts: readonly string[], options?: TokenizeOptions): Promise<number[][]>
  token(id: number): Promise<{ text: string; control: boolean }>
  specialId(role: 'bos' | 'eos' | 'pad' | 'eot' | 'sep'): Promise<number>
  /**
   * The `count` tokens of highest score that follow the prompt, one by one; the end token does not stop it. One thread by
   * default: ggml's threads wait for one another by spinning, which is slow where tests share the processors.
   */
  generateGreedy(prompt: readonly number[], count: number, threads?: number): Promise<number[]>
  free(): void
}

/**
 * Loads a GGUF with llama.cpp on the CPU, in a process of its own that lives until `free`.
 * @throws Error with llama.cpp's log if it refuses the file or dies of it.
 */
export async function loadModel(path: string, options: { vocabOnly?: boolean } = {}): Promise<LoadedModel> {
  const llama = startLlama()
  try {
    const { tokens, log } = await llama.call('load', path, options.vocabOnly ?? false)
    const tokenizeAll: LoadedModel['tokenizeAll'] = (texts, { addSpecial = false, parseSpecial = false } = {}) =>
      llama.call('tokenize', texts, addSpecial, parseSpecial)
    return {
      tokens,
      log,
      tokenizeAll,
      tokenize: async (text, how) => (await tokenizeAll([text], how))[0] ?? [],
      token: (id) => llama.call('token', id),
      specialId: (role) => llama.call('specialId', role),
      generateGreedy: (prompt, count, threads = 1) => llama.call('generateGreedy', prompt, count, threads),
      free: () => llama.stop(),
    }
  } catch (error) {
    llama.stop()
    throw error
  }
}

/** Those of the GGUF files whose vocabulary llama.cpp refuses to load. */
export async function refusedVocabularies(paths: readonly string[]): Promise<string[]> {
  const llama = startLlama()
  try {
    return await llama.call('refusals', paths)
  } finally {
    llama.stop()
  }
}
