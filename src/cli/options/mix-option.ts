import { Option } from 'commander'

/** `--mix`, whose rules decide which tensor gets which type. */
export function mixOption(description = 'llama.cpp release whose choice of types is followed'): Option {
  return new Option('--mix <release>', description).choices(['latest', 'b3613'])
}
