import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rfc3339, rfc3339Ms } from './time.ts';

test('RFC 3339 by arithmetic is what Date prints, for every millisecond of years 0 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) => assert.equal(rfc3339(ms), new Date(ms).toISOString())),
    { numRuns: 2_000 },
  );
});

test('what was printed is read back, for every millisecond of years 0 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) => assert.equal(rfc3339Ms(rfc3339(ms)), ms)),
    { numRuns: 2_000 },
  );
});

test('offsets and fractions are read; what is no time is not', () => {
  assert.equal(rfc3339Ms('2026-01-31T12:00:00+02:00'), Date.UTC(2026, 0, 31, 10));
  assert.equal(rfc3339Ms('2026-01-31t12:00:00.123456z'), Date.UTC(2026, 0, 31, 12, 0, 0, 123));
  assert.equal(rfc3339Ms('2016-12-31T23:59:60Z'), Date.UTC(2017, 0, 1));
  for (const bad of [
    '',
    '2026',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-01-01T00:00:00+24:00',
  ])
    assert.equal(rfc3339Ms(bad), undefined, bad);
});
