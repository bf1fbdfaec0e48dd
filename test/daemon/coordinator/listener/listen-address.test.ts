import { expect, test } from 'vitest'
import { isLoopback, parseListenAddress } from '#dist/daemon/coordinator/listener/listen-address.js'

test.each([
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }, true],
  ['127.255.0.3:65535', { host: '127.255.0.3', port: 65_535 }, true],
  ['[::1]:7600', { host: '::1', port: 7600 }, true],
  ['localhost:80', { host: 'localhost', port: 80 }, true],
  ['0.0.0.0:80', { host: '0.0.0.0', port: 80 }, false],
  ['[::]:80', { host: '::', port: 80 }, false],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }, false],
  ['mine.example:80', { host: 'mine.example', port: 80 }, false],
  // What only begins like loopback is somebody else.
  ['127.0.0.1.example:80', { host: '127.0.0.1.example', port: 80 }, false],
  ['localhost.example:80', { host: 'localhost.example', port: 80 }, false],
])('%s', (text, address, loopback) => {
  expect(parseListenAddress(text)).toEqual(address)
  expect(isLoopback(address)).toBe(loopback)
})

test.each([
  '',
  ':80',
  '127.0.0.1',
  '127.0.0.1:',
  '::1:80',
  '[::1]',
  'a:65536',
  'a:-1',
  'http://a:80',
  'a b:80',
  'a:80/',
])('"%s" is no address', (text) => {
  expect(parseListenAddress(text)).toBeUndefined()
})
