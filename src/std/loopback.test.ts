import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback, isLoopbackHost } from './loopback.ts';

test('an address is loopback, a name that begins like one is not', () => {
  for (const address of ['127.0.0.1', '127.255.3.9', '::1', '::ffff:127.0.0.1', '::FFFF:127.0.0.1']) assert.equal(isLoopback(address), true, address);
  for (const address of ['127.0.0.1.example.com', '127.evil', '127.0.0.256', '127.0.0', '128.0.0.1', '', '::2', 'localhost', undefined])
    assert.equal(isLoopback(address), false, address);
  for (const host of ['localhost', 'LOCALHOST', '[::1]', '127.0.0.1']) assert.equal(isLoopbackHost(host), true, host);
  for (const host of ['localhost.example.com', '127.0.0.1.example.com', '[::2]', '']) assert.equal(isLoopbackHost(host), false, host);
});
