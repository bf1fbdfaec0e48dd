import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { coordinatorAddress } from '#dist/worker/coordinator-address.js'
import { CoordinatorClient } from '#dist/worker/coordinator-client.js'
import { TokenReader } from '#dist/worker/token-reader.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { makeCertificate } from '../scale-out/certificate.ts'

describe("a coordinator's address", () => {
  it.each([
    'http://127.0.0.1:7600',
    'http://localhost:7600',
    'http://[::1]:7600',
    'https://10.0.0.1:7600',
    'https://big',
    'https://big:7600/',
  ])('is taken as %s', async (text) => {
    expect((await coordinatorAddress(text, undefined)).origin).toBe(new URL(text).origin)
  })

  it.each([
    'big:7600',
    '127.0.0.1:7600',
    'ftp://big',
    'https://big/board',
    'https://me:secret@big',
    'https://big?x',
    'http://10.0.0.1:7600',
    'http://127.0.0.1.example.org',
    '',
  ])('is refused as %j', async (text) => {
    await expect(coordinatorAddress(text, undefined)).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('comes with certificates only for TLS, and only with such as are some', async () => {
    const folder = await temporaryFolder()
    const { certificate } = makeCertificate(folder, ['127.0.0.1'])
    await expect(coordinatorAddress('http://127.0.0.1', certificate)).rejects.toMatchObject({ code: 'USAGE' })
    const nonsense = join(folder, 'nonsense.pem')
    await writeFile(nonsense, 'no certificate')
    for (const file of [nonsense, join(folder, 'none')]) {
      await expect(coordinatorAddress('https://big', file)).rejects.toMatchObject({ code: 'USAGE', subject: '--ca' })
    }
    expect((await coordinatorAddress('https://big', certificate)).ca).toBe(await readFile(certificate, 'utf8'))
  })
})

describe('a coordinator with TLS', () => {
  async function secureServer() {
    const folder = await temporaryFolder()
    const { key, certificate } = makeCertificate(folder, ['127.0.0.1'])
    const requests: string[] = []
    const server = createServer(
      { key: await readFile(key), cert: await readFile(certificate) },
      (request, response) => {
        requests.push(request.url ?? '')
        response.end('{}')
      },
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    onTestFinished(() => server.closeAllConnections())
    const token = join(folder, 'token')
    await writeFile(token, 'secret-of-the-test')
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = async (host: string, ca: string | undefined) => {
      const address = await coordinatorAddress(origin.replace('127.0.0.1', host), ca)
      const made = new CoordinatorClient({ address, token: new TokenReader(token), worker: () => undefined })
      onTestFinished(() => made.close())
      return made
    }
    return { client, certificate, requests }
  }

  it('is asked where its certificate is the one that was named', async () => {
    const { client, certificate, requests } = await secureServer()
    await (await client('127.0.0.1', certificate)).send({ method: 'GET', path: '/v1/x' })
    expect(requests).toEqual(['/v1/x'])
  })

  it('is told nothing where its certificate is not trusted or for another name, and that at once', async () => {
    const { client, certificate, requests } = await secureServer()
    for (const [host, ca, hint] of [
      ['127.0.0.1', undefined, '--ca'],
      ['localhost', certificate, 'subjectAltName'],
    ] as const) {
      const begun = performance.now()
      await expect((await client(host, ca)).send({ method: 'GET', path: '/v1/x' })).rejects.toMatchObject({
        code: 'COORDINATOR_UNREACHABLE',
        hint: expect.stringContaining(hint),
      })
      expect(performance.now() - begun).toBeLessThan(10_000)
    }
    expect(requests).toEqual([])
  })
})
