import type { FastifyRequest } from 'fastify'
import { MiberaError } from '../../../base/errors.ts'

/** One range, with both its ends. */
export function wantedRange({ headers }: FastifyRequest): { readonly first: number; readonly last: number } {
  const [, first, last] = /^bytes=(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14})$/.exec(headers.range ?? '') ?? []
  if (first === undefined) throw rangeRefused('the request does not name one range of bytes, with both its ends')
  return { first: Number(first), last: Number(last) }
}

export function rangeRefused(message: string): MiberaError {
  return new MiberaError('RANGE_REFUSED', message, { hint: 'Ask for bytes that the plan has tensors of.' })
}
