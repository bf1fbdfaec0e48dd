const words = [
  'Hello',
  'naïve',
  'straße',
  'Привет',
  'γειά',
  'שלום',
  'مرحبا',
  'नमस्ते',
  'こんにちは',
  '你好',
  '안녕하세요',
]
const spaces = [
  ' ',
  '  ',
  '   ',
  '    ',
  '\t',
  '\t\t',
  ' \t ',
  '\n',
  '\n\n',
  '\r\n',
  ' \n',
  '\n ',
  '\n  \n',
  '\u00a0',
  '\u3000',
]
const numbers = ['0', '7', '42', '123', '1234', '12345', '1234567890', '3.14159', '1,000,000', '0x1F', '１２３', '٣٤٥']

const code = [
  'function f(x) {\n  return x + 1;\n}\n',
  'for (int i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\n}',
  'def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n',
  "SELECT * FROM \"users\" WHERE name LIKE '%o''brien%' -- comment\n",
  '#!/usr/bin/env bash\nset -euo pipefail\necho "$PATH" | tr : \' \' >&2\n',
  '<div class="a-b_c">&nbsp;<!-- x --></div>\r\n',
  '{"key": [1, 2.5, -3e-7, null, true], "π": "\\u03c0"}',
  'let s = r#"raw"#; assert_eq!(s.len(), 3usize);',
  '\\frac{a}{b} \\leq \\sum_{i=0}^{\\infty} x_i^2',
  'https://example.org/a%20b?q=1&r=%E2%9C%93#frag',
  '                    deeplyIndented();\n\n\n\n',
  '\t\t\tif (!ok) goto fail;\t// tabs\t\t',
  'snake_case camelCase PascalCase kebab-case SCREAMING_CASE x86_64',
  '===== ----- ______ ...... ///// \\\\\\\\\\ ``` ~~~ *** ### !!! ???',
]

const emoji = ['🚀', '🚀🚀🚀', '👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '🇩🇪🇫🇷', '❤️', '☃', '✅ done', '😶‍🌫️ (fog)', 'a🦙b🦙c', '1️⃣2️⃣']

const scripts = [
  '日本語の文章です。句読点、「括弧」もあります。',
  '我想在apple工作1314151天～',
  '한국어 문장입니다.',
  'កាន់តែពិសេសអាច',
  'ภาษาไทยไม่มีช่องว่างระหว่างคำ',
  'नमस्ते दुनिया',
  'العربية من اليمين إلى اليسار',
  'нещо на Български',
  'Ελληνικά, με τόνους',
  'İstanbul ıI iİ',
  'Zażółć gęślą jaźń',
  'e\u0301 vs \u00e9, o\u0308, n\u0303',
  '𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛',
  'Ⅻ ½ ² ₃ ①',
  'ﬁ ﬂ ŉ ǆ',
]

const contractions = [
  "I'm you're he's we've they'll she'd isn't",
  "I'M YOU'RE HE'S WE'VE THEY'LL SHE'D ISN'T",
  "'tis 'twas rock'n'roll o'clock d'être l'été",
  "''''' 's's's 'll'll ' s",
  'we’re it’s ‘quoted’ “double”',
]

const odd = [
  '',
  'a',
  '\u0000',
  '\u0000\u0001\u0002\u001f\u007f',
  '\ufeffbyte-order mark',
  'zero\u200bwidth\u200djoiner\u2060',
  '\u202eright to left override',
  '\ufffd replacement',
  'soft\u00adhyphen',
  'line\u2028separator\u2029paragraph',
  'next\u0085line',
  '<|endoftext|><|im_start|>',
  '<|fim_prefix|> as text <|dummy_85|>',
  'a'.repeat(1000),
  ' '.repeat(1000),
  '\n'.repeat(100),
  'abc '.repeat(250),
  '1'.repeat(1000),
  '!'.repeat(300),
  '你'.repeat(300),
  '🚀'.repeat(100),
]

/** Texts on which tokenizers are known to differ: white space, digits, scripts, emoji, apostrophes, code, controls. */
export const sampleTexts: readonly string[] = [
  ...code,
  ...emoji,
  ...scripts,
  ...contractions,
  ...odd,
  ...numbers,
  ...numbers.map((number) => `x${number}y`),
  ...spaces,
  ...spaces.flatMap((space) => [`a${space}b`, `${space}a${space}`, `a${space}1${space}.`]),
  ...words,
  ...words.flatMap((word, index) => [` ${word}`, `${word}${words[(index + 1) % words.length]}`, `${word}, ${word}!\n`]),
]
