import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { sendRange } from '#dist/daemon/coordinator/transfer/send-range.js'
import type { ByteSource } from '#dist/disk/byte-source.js'
import { isOldestNode } from '../../../helpers/node-release.ts'

const bufferBytes = 64 * 1024

/** Sends from a source made up of its positions; tells how much of it was read, and how the sending ended. */
async function sending(length: number, { still = 60_000, endsAt = Number.POSITIVE_INFINITY } = {}) {
  const facts = { read: 0, buffers: new Set<ArrayBufferLike>() }
  const source: ByteSource = {
    ...{ name: 'made up', size: length },
    async read(target, position) {
      if (position + target.length > endsAt) throw new Error('the source has ended')
      for (let index = 0; index < target.length; index++) target[index] = (position + index) % 251
      facts.read += target.length
      facts.buffers.add(target.buffer)
    },
    async close() {},
  }
  let ended: Promise<unknown> = Promise.resolve()
  const server = createServer((_, response) => {
    response.writeHead(206, { 'content-length': length })
    const range = { position: 0, length, buffer: new Uint8Array(bufferBytes), still }
    ended = sendRange(response, source, range).then(
      () => 'sent',
      (error: Error) => {
        response.destroy()
        return error.message
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false }, resolve).on('error', reject)
  })
  response.on('error', () => {})
  return { facts, response, ended: () => ended }
}

test('all bytes arrive in order, through one buffer', async () => {
  const length = 40 * bufferBytes + 17
  const { facts, response, ended } = await sending(length)
  let at = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    expect(chunk.every((byte, index) => byte === (at + index) % 251)).toBe(true)
    at += chunk.length
  }
  expect(at).toBe(length)
  expect(await ended()).toBe('sent')
  expect(facts.buffers.size).toBe(1)
})

test('who takes nothing has nothing more read for him, and is cut off', async () => {
  const { facts, response, ended } = await sending(2 ** 30, { still: 300 })
  response.pause()
  const reason = await ended()
  // What Node 24 may say.
  if (isOldestNode || reason !== 'write ECANCELED') {
    expect(reason).toMatch(/closed|destroyed|aborted|socket hang up|EPIPE|Cannot call write/i)
  }
  // What the two sockets hold on their way.
  expect(facts.read).toBeLessThan(64 * 2 ** 20)
})

test('who leaves ends the reading', async () => {
  const { facts, response, ended } = await sending(2 ** 30)
  await once(response, 'readable')
  response.destroy()
  expect(await ended()).not.toBe('sent')
  expect(facts.read).toBeLessThan(2 ** 30)
})

test('a source that ends early breaks the answer off: it does not look whole', async () => {
  const { response, ended } = await sending(10 * bufferBytes, { endsAt: 5 * bufferBytes })
  let received = 0
  const reading = (async () => {
    for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length
  })()
  await expect(reading).rejects.toThrow('aborted')
  expect(await ended()).toBe('the source has ended')
  expect(received).toBeLessThan(10 * bufferBytes)
})
