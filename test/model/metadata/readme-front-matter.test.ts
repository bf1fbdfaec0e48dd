import { describe, expect, it } from 'vitest'
import { cardText, cardTexts, modelCard } from '#dist/model/metadata/readme-front-matter.js'

describe('modelCard', () => {
  it('reads what stands between the first two lines of dashes', () => {
    const card = modelCard('---\nlicense: mit\nlanguage:\n- en\n- no\ntags:\n\t- chat\n---\n# Title\nlicense: other\n')
    expect(card).toEqual({ license: 'mit', language: ['en', 'no'], tags: ['chat'] })
  })

  it('reads files with Windows line ends', () => {
    expect(modelCard('---\r\nlicense: mit\r\n---\r\n# Title\r\n')).toEqual({ license: 'mit' })
  })

  it.each([
    ['no front matter', '# Title\n---\nlicense: mit\n---\n'],
    ['nothing', ''],
    ['a list', '---\n- a\n---\n'],
    ['broken YAML', '---\na: [1\nb: }\n---\n'],
    [
      'a bomb of aliases',
      `---\na: &a [x,x]\n${Array.from({ length: 200 }, (_, i) => `b${i}: [*a,*a]`).join('\n')}\n---\n`,
    ],
  ])('makes an empty card of %s', (_, readme) => {
    expect(modelCard(readme)).toEqual({})
  })

  it('writes numbers and dates as text, and one text as a list', () => {
    const card = modelCard('---\nversion: 1.5\ndate: 2024-12-12\ntags: chat\nwidget:\n  a: b\n---\n')
    expect(cardText(card, 'version')).toBe('1.5')
    expect(cardText(card, 'date')).toBe('2024-12-12')
    expect(cardTexts(card, 'tags')).toEqual(['chat'])
    expect(cardText(card, 'widget')).toBeUndefined()
  })
})
