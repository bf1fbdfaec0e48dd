import { expect, test } from 'vitest'
import { addressGroup } from '#dist/daemon/coordinator/listener/address-group.js'
import { RateLimit } from '#dist/daemon/coordinator/listener/rate-limit.js'

test('after the first rush only so many come a second, and a rest gives them back', () => {
  const clock = { now: 0 }
  const limit = new RateLimit({ burst: 5, perSecond: 2 }, () => clock.now)
  const rush = () => Array.from({ length: 20 }, () => limit.take('one')).filter(Boolean).length
  expect(rush()).toBe(5)
  clock.now += 1000
  expect(rush()).toBe(2)
  clock.now += 3_600_000
  expect(rush()).toBe(5)
})

test('each has a limit of his own, and asking whether there is room takes none', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 0 }, () => 0)
  expect(limit.allows('one')).toBe(true)
  expect(limit.take('one')).toBe(true)
  expect(limit.allows('one')).toBe(false)
  expect(limit.take('other')).toBe(true)
})

test('one who goes on is not forgotten for any number of others', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 0 }, () => 0)
  limit.take('persistent')
  for (let other = 0; other < 50_000; other++) {
    limit.take(`other ${other}`)
    if (other % 1000 === 0) expect(limit.take('persistent')).toBe(false)
  }
})

test('an address of IPv6 stands for its network, one of IPv4 for itself, however it is written', () => {
  const groups: [string, string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::1', '0:0:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ]
  for (const [address, group] of groups) expect(addressGroup(address)).toBe(group)
  expect(addressGroup(undefined)).toBe('nobody')
})
