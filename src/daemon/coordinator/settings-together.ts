import { formatBytes } from '../../base/byte-count.ts'
import { MiberaError } from '../../base/errors.ts'
import { isLoopback, parseListenAddress } from './listener/listen-address.ts'

/**
 * Memory that leading workers takes, whatever their number: BullMQ and its connection, and slices on their way (see
 * transfer-limits.ts). Measured: 120 MiB with three workers.
 */
export const leadingBytes = 128 * 2 ** 20
/** What conversions must be left with, at the least: a thread and the process. */
const leastForConversions = 192 * 2 ** 20

/** The settings that lend a daemon other machines. */
export interface ScaleOutSettings {
  readonly threads: number
  readonly maxMemory: number
  readonly redis: string | null
  readonly listen: string | null
  readonly tokenFile: string | null
  readonly tlsCert: string | null
  readonly tlsKey: string | null
  readonly sharedResults: boolean
  readonly bullBoard: boolean
}

/**
 * Refuses settings that only make sense together, or would let strangers in.
 * @throws MiberaError USAGE
 */
export function requireTogether(settings: ScaleOutSettings): void {
  const { threads, redis, listen, tokenFile, tlsCert, tlsKey, sharedResults, bullBoard } = settings
  if (redis === null) {
    if (threads === 0) throw lacking('--threads 0 leaves all work to other machines', '--redis', 'of at least 1')
    if (listen !== null)
      throw lacking('--listen is where workers deliver, and they find their jobs in Redis', '--redis')
    if (sharedResults || bullBoard) {
      throw lacking(`--${sharedResults ? 'shared-results' : 'bull-board'} is about other machines`, '--redis')
    }
    return
  }
  if (listen === null) throw lacking('--redis has jobs handed out, but workers have nowhere to deliver', '--listen')
  if (tokenFile === null) throw lacking('--listen is open to whoever reaches it', '--token-file')
  if ((tlsCert === null) !== (tlsKey === null)) {
    throw lacking(
      'a certificate is of no use without its key, nor a key without it',
      tlsCert === null ? '--tls-cert' : '--tls-key',
    )
  }
  if (settings.maxMemory < leadingBytes + leastForConversions) {
    throw new MiberaError(
      'USAGE',
      `--max-memory ${formatBytes(settings.maxMemory)} is too little to lead workers with`,
      {
        subject: '--max-memory',
        hint: `Give at least ${(leadingBytes + leastForConversions) / 2 ** 20}M, or leave --redis out.`,
      },
    )
  }
  const address = parseListenAddress(listen)
  if (tlsCert === null && address !== undefined && !isLoopback(address)) {
    throw new MiberaError(
      'USAGE',
      `--listen ${listen} is reached by other machines, and would be neither secret nor safe`,
      {
        subject: '--listen',
        hint: 'Give --tls-cert and --tls-key, or listen on 127.0.0.1; docs/workers.md makes a certificate in one line.',
      },
    )
  }
}

function lacking(message: string, option: string, instead?: string): MiberaError {
  const other = instead === undefined ? '' : `, or a number ${instead}`
  return new MiberaError('USAGE', `${message}: ${option} is missing`, {
    subject: option,
    hint: `Give ${option}${other}. docs/workers.md shows the whole command.`,
  })
}
