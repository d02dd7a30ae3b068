import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rfc3339 } from './time.ts';

test('RFC 3339 by arithmetic is what Date prints, for every millisecond of years 0 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) => assert.equal(rfc3339(ms), new Date(ms).toISOString())),
    { numRuns: 2_000 },
  );
});
