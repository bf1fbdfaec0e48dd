import { describe, expect, test } from 'vitest'
import { outputFileName } from '#dist/plan/output-file-name.js'

describe('the output of a GGUF is called after it, with the new type for the old', () => {
  test.each([
    ['model-f16.gguf', 'model-Q4_K_M.gguf'],
    ['Phi-4.BF16.gguf', 'Phi-4-Q4_K_M.gguf'],
    ['phi4_fp16.GGUF', 'phi4-Q4_K_M.gguf'],
    ['my-model-Q8_0.gguf', 'my-model-Q4_K_M.gguf'],
    ['my_model_q3_k_m.gguf', 'my_model-Q4_K_M.gguf'],
    ['Llama-3.1-8B-F32-00001-of-00004.gguf', 'Llama-3.1-8B-Q4_K_M.gguf'],
    ['several-00001-of-00002.gguf', 'several-Q4_K_M.gguf'],
    ['Llama-3.1-8B.gguf', 'Llama-3.1-8B-Q4_K_M.gguf'],
    ['F16.gguf', 'F16-Q4_K_M.gguf'],
    ['-F16.gguf', '-F16-Q4_K_M.gguf'],
  ])('%s → %s', (input, output) => {
    expect(outputFileName(`/models/${input}`, 'Q4_K_M')).toBe(output)
  })

  test('and that of a folder after the folder', () => {
    expect(outputFileName('/models/phi-4', 'Q2_K')).toBe('phi-4-Q2_K.gguf')
  })
})
