import { describe, expect, it } from 'vitest'
import { type GeneralSources, generalKeys } from '#dist/model/metadata/general.js'
import { modelCard } from '#dist/model/metadata/readme-front-matter.js'

const phi4: GeneralSources = {
  folderPath: '/models/mibera-v1-merged',
  card: {},
  config: { _name_or_path: 'microsoft/phi-4' },
  generation: {},
  parameters: 14_659_507_200,
}
const plain = (sources: GeneralSources) => generalKeys(sources).map(([key, { value }]) => [key, value])

describe('generalKeys', () => {
  // The published GGUF smcleod/phi-4 (llama.cpp, December 2024) begins with these, in this order.
  it('writes what the official conversion of Phi-4 has', () => {
    expect(plain(phi4)).toEqual([
      ['general.type', 'model'],
      ['general.name', 'Phi 4'],
      ['general.version', '4'],
      ['general.organization', 'Microsoft'],
      ['general.basename', 'phi'],
      ['general.size_label', '15B'],
    ])
  })

  it("takes the folder's name where config.json names a path or nothing", () => {
    for (const config of [{}, { _name_or_path: '/home/me/out/phi-4' }]) {
      const keys = Object.fromEntries(plain({ ...phi4, config }))
      expect(keys['general.name']).toBe('Mibera v1 Merged')
      expect(keys['general.organization']).toBeUndefined()
    }
  })

  it("takes a repository's name from the Hub's cache rather than the snapshot's", () => {
    const folderPath = '/cache/models--ivxxdegen--mibera-v1-merged/snapshots/0123456789abcdef0123456789abcdef01234567'
    const keys = Object.fromEntries(plain({ ...phi4, folderPath, config: {} }))
    expect(keys['general.name']).toBe('Mibera v1 Merged')
    expect(keys['general.organization']).toBe('Ivxxdegen')
  })

  it('lets the model card speak first, and lists what it was made from', () => {
    const card = modelCard(`---
model_name: Mibera
model_creator: ivxxdegen
license: other
license_name: own
license_link: https://example.org/licence
base_model:
- microsoft/phi-4
- https://huggingface.co/mistralai/Mistral-7B-v0.3
datasets: someone/some-data
pipeline_tag: text-generation
tags: [chat, merge]
language: en
---
`)
    expect(plain({ ...phi4, card })).toEqual([
      ['general.type', 'model'],
      ['general.name', 'Mibera'],
      ['general.author', 'ivxxdegen'],
      ['general.version', '4'],
      ['general.organization', 'Microsoft'],
      ['general.basename', 'phi'],
      ['general.size_label', '15B'],
      ['general.license', 'other'],
      ['general.license.name', 'own'],
      ['general.license.link', 'https://example.org/licence'],
      ['general.base_model.count', 2],
      ['general.base_model.0.name', 'Phi 4'],
      ['general.base_model.0.version', '4'],
      ['general.base_model.0.organization', 'Microsoft'],
      ['general.base_model.0.repo_url', 'https://huggingface.co/microsoft/phi-4'],
      ['general.base_model.1.name', 'Mistral 7B v0.3'],
      ['general.base_model.1.version', 'v0.3'],
      ['general.base_model.1.organization', 'Mistralai'],
      ['general.base_model.1.repo_url', 'https://huggingface.co/mistralai/Mistral-7B-v0.3'],
      ['general.dataset.count', 1],
      ['general.dataset.0.name', 'Some Data'],
      ['general.dataset.0.organization', 'Someone'],
      ['general.dataset.0.repo_url', 'https://huggingface.co/someone/some-data'],
      ['general.tags', ['chat', 'merge', 'text-generation']],
      ['general.languages', ['en']],
    ])
  })

  it('writes the sampling settings of generation_config.json with their types', () => {
    const generation = { top_k: 50, top_p: 0.95, temperature: 0.8, mirostat: 1.5, sequence: '', do_sample: true }
    expect(generalKeys({ ...phi4, generation }).slice(1, 4)).toEqual([
      ['general.sampling.top_k', { type: 'i32', value: 50 }],
      ['general.sampling.top_p', { type: 'f32', value: 0.95 }],
      ['general.sampling.temp', { type: 'f32', value: 0.8 }],
    ])
    expect(plain({ ...phi4, generation }).map(([key]) => key)).not.toContain('general.sampling.mirostat')
  })
})
