import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadKoffi, oracleLibraries } from './llama-cpp.ts'
import { defineListStructs, listFields, type QuantizeLists } from './quantize-lists.ts'

/** A pointer as koffi hands it over. */
export type Pointer = unknown

/**
 * llama.cpp's C interface, as far as the tests need it. Source: include/llama.h; the layouts of the parameter structs
 * are those of the library in @node-llama-cpp/linux-x64 3.22 and are checked against its defaults when it is opened.
 */
export interface LlamaLibrary {
  quantize(input: string, output: string, changes: Partial<QuantizeParameters>, lists?: QuantizeLists): number
  loadModel(path: string, changes: { vocab_only: boolean }): Pointer | null
  freeModel(model: Pointer): void
  vocabulary(model: Pointer): Pointer
  tokenCount(vocabulary: Pointer): number
  tokenize(vocabulary: Pointer, text: string, addSpecial: boolean, parseSpecial: boolean): number[]
  tokenText(vocabulary: Pointer, id: number): string
  isControl(vocabulary: Pointer, id: number): boolean
  specialId(vocabulary: Pointer, role: 'bos' | 'eos' | 'pad' | 'eot' | 'sep'): number
  openContext(model: Pointer, tokens: number, threads: number): Pointer | null
  freeContext(context: Pointer): void
  /** Runs the model over `ids`, which follow those of earlier calls; the scores of the token after the last one. */
  nextScores(context: Pointer, ids: readonly number[], tokenCount: number): Float32Array
}

export interface QuantizeParameters {
  nthread: number
  ftype: number
  output_tensor_type: number
  token_embedding_type: number
  allow_requantize: boolean
  quantize_output_tensor: boolean
  only_copy: boolean
  pure: boolean
  keep_split: boolean
  dry_run: boolean
}

type Fields = Record<string, unknown>

/** @param log receives llama.cpp's messages, as they come: not always whole lines */
export function openLlama(log: (text: string) => void): LlamaLibrary {
  const libraries = oracleLibraries()
  if ('missing' in libraries) throw new Error(libraries.missing)
  const { folder } = libraries
  const koffi = loadKoffi()
  const load = (prefix: string) => koffi.load(join(folder, fileStarting(folder, prefix)))
  const base = load('libggml-base.so')
  const ggml = load('libggml.')
  const llama = load('libllama.')
  defineStructs(koffi)

  const callback = koffi.register((_level: number, text: string) => log(text), koffi.pointer('llama_log'))
  base.func('void ggml_log_set(llama_log *callback, void *data)')(callback, null)
  llama.func('void llama_log_set(llama_log *callback, void *data)')(callback, null)
  ggml.func('void ggml_backend_load_all_from_path(const char *folder)')(folder)
  llama.func('void llama_backend_init()')()

  const quantizeDefaults = llama.func('llama_model_quantize_params llama_model_quantize_default_params()')
  const modelDefaults = llama.func('llama_model_params llama_model_default_params()')
  const contextDefaults = llama.func('llama_context_params llama_context_default_params()')
  checkDefaults('llama_model_quantize_params', quantizeDefaults(), { ftype: 7, quantize_output_tensor: true })
  checkDefaults('llama_model_params', modelDefaults(), { n_gpu_layers: -1, vocab_only: false, use_extra_bufts: true })
  checkDefaults('llama_context_params', contextDefaults(), { n_ctx: 512, n_batch: 2048, type_k: 1, offload_kqv: true })

  const quantize = llama.func(
    'uint32_t llama_model_quantize(const char *in, const char *out, llama_model_quantize_params *params)',
  )
  const loadModel = llama.func('void *llama_model_load_from_file(const char *path, llama_model_params params)')
  const tokenize = llama.func(
    'int32_t llama_tokenize(void *vocab, void *text, int32_t length, _Out_ int32_t *ids, int32_t max, bool add, bool parse)',
  )
  const openContext = llama.func('void *llama_init_from_model(void *model, llama_context_params params)')
  const batchOf = llama.func('llama_batch llama_batch_get_one(int32_t *ids, int32_t count)')
  const decode = llama.func('int32_t llama_decode(void *context, llama_batch batch)')
  const scores = llama.func('void *llama_get_logits_ith(void *context, int32_t index)')

  return {
    quantize: (input, output, changes, lists = {}) =>
      quantize(input, output, { ...quantizeDefaults(), ...changes, ...listFields(koffi, lists) }),
    loadModel: (path, changes) => loadModel(path, { ...modelDefaults(), n_gpu_layers: 0, ...changes }),
    freeModel: llama.func('void llama_model_free(void *model)'),
    vocabulary: llama.func('void *llama_model_get_vocab(void *model)'),
    tokenCount: llama.func('int32_t llama_vocab_n_tokens(void *vocab)'),
    tokenText: llama.func('const char *llama_vocab_get_text(void *vocab, int32_t id)'),
    isControl: llama.func('bool llama_vocab_is_control(void *vocab, int32_t id)'),
    specialId: (vocabulary, role) => llama.func(`int32_t llama_vocab_${role}(void *vocab)`)(vocabulary),
    tokenize(vocabulary, text, addSpecial, parseSpecial) {
      const bytes = Buffer.from(text)
      // No token is shorter than a byte; two more for BOS and EOS.
      const ids = new Int32Array(bytes.length + 2)
      const count = tokenize(vocabulary, bytes, bytes.length, ids, ids.length, addSpecial, parseSpecial)
      if (count < 0) throw new Error(`llama_tokenize returned ${count} for ${bytes.length} bytes`)
      return Array.from(ids.subarray(0, count))
    },
    openContext: (model, tokens, threads) =>
      openContext(model, {
        ...contextDefaults(),
        n_ctx: tokens,
        n_batch: tokens,
        n_threads: threads,
        n_threads_batch: threads,
      }),
    freeContext: llama.func('void llama_free(void *context)'),
    nextScores(context, ids, tokenCount) {
      const tokens = Int32Array.from(ids)
      const status = decode(context, batchOf(tokens, tokens.length))
      if (status !== 0) throw new Error(`llama_decode returned ${status} for ${ids.length} tokens`)
      return koffi.decode(scores(context, -1), 'float', tokenCount) as Float32Array
    },
  }
}

function defineStructs(koffi: ReturnType<typeof loadKoffi>): void {
  koffi.proto('void llama_log(int level, const char *text, void *data)')
  defineListStructs(koffi)
  koffi.struct('llama_model_quantize_params', {
    nthread: 'int32_t',
    ftype: 'int32_t',
    output_tensor_type: 'int32_t',
    token_embedding_type: 'int32_t',
    allow_requantize: 'bool',
    quantize_output_tensor: 'bool',
    only_copy: 'bool',
    pure: 'bool',
    keep_split: 'bool',
    dry_run: 'bool',
    imatrix: 'void *',
    kv_overrides: 'void *',
    tt_overrides: 'void *',
    prune_layers: 'void *',
    unnamed: koffi.array('int32_t', 2),
  })
  koffi.struct('llama_model_params', {
    devices: 'void *',
    tensor_buft_overrides: 'void *',
    n_gpu_layers: 'int32_t',
    split_mode: 'int32_t',
    load: koffi.array('int32_t', 2),
    main_gpu: 'int32_t',
    tensor_split: 'void *',
    progress_callback: 'void *',
    progress_callback_user_data: 'void *',
    kv_overrides: 'void *',
    vocab_only: 'bool',
    check_tensors: 'bool',
    use_extra_bufts: 'bool',
    no_host: 'bool',
    no_alloc: 'bool',
    load_mtp: 'bool',
  })
  koffi.struct('llama_context_params', {
    n_ctx: 'uint32_t',
    n_batch: 'uint32_t',
    n_ubatch: 'uint32_t',
    n_seq_max: 'uint32_t',
    n_rs_seq: 'uint32_t',
    n_outputs_max: 'uint32_t',
    n_outputs_max_per_seq: 'uint32_t',
    n_threads: 'int32_t',
    n_threads_batch: 'int32_t',
    kinds: koffi.array('int32_t', 5),
    rope_and_yarn: koffi.array('float', 6),
    yarn_orig_ctx: 'uint32_t',
    defrag_thold: 'float',
    cb_eval: 'void *',
    cb_eval_user_data: 'void *',
    type_k: 'int32_t',
    type_v: 'int32_t',
    abort_callback: 'void *',
    abort_callback_data: 'void *',
    embeddings: 'bool',
    offload_kqv: 'bool',
    no_perf: 'bool',
    op_offload: 'bool',
    swa_full: 'bool',
    kv_unified: 'bool',
    samplers: 'void *',
    n_samplers: 'size_t',
    ctx_other: 'void *',
  })
  koffi.struct('llama_batch', {
    n_tokens: 'int32_t',
    token: 'void *',
    embd: 'void *',
    pos: 'void *',
    n_seq_id: 'void *',
    seq_id: 'void *',
    logits: 'void *',
  })
}

/** A library with other layouts would be given nonsense: better to stop. */
function checkDefaults(struct: string, actual: Fields, expected: Fields): void {
  for (const [field, value] of Object.entries(expected)) {
    if (actual[field] !== value) {
      throw new Error(`${struct}.${field} defaults to ${actual[field]}, not ${value}: its layout has changed`)
    }
  }
}

function fileStarting(folder: string, prefix: string): string {
  const name = readdirSync(folder).find((file) => file.startsWith(prefix))
  if (name === undefined) throw new Error(`${folder} has no library ${prefix}*`)
  return name
}
