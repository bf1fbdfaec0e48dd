import { Option } from 'commander'

/** `--mix`, whose rules decide which tensor gets which type. */
export function mixOption(): Option {
  return new Option('--mix <release>', 'llama.cpp release whose choice of types is followed (default: latest)').choices(
    ['latest', 'b3613'],
  )
}
