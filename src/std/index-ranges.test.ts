import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IndexRanges } from './index-ranges.ts';

const step = fc.record({ add: fc.boolean(), start: fc.nat(40), length: fc.nat(12) });

test('index ranges behave as a set of numbers, whatever is added and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const ranges = new IndexRanges();
      const model = new Set<number>();
      for (const { add, start, length } of steps) {
        for (let index = start; index < start + length; index += 1) add ? model.add(index) : model.delete(index);
        add ? ranges.add(start, start + length) : ranges.remove(start, start + length);
        assert.equal(ranges.count, model.size);
        assert.equal(ranges.first, model.size === 0 ? undefined : Math.min(...model));
        for (let index = 0; index < 60; index += 1) assert.equal(ranges.has(index), model.has(index));
        const missing = ranges.missing(start, start + 20).flatMap(([low, high]) => Array.from({ length: high - low }, (_, n) => low + n));
        assert.deepEqual(
          missing,
          Array.from({ length: 20 }, (_, n) => start + n).filter((index) => !model.has(index)),
        );
        assert.ok(ranges.ranges().every(([low, high], n, all) => low < high && (n === 0 || (all[n - 1]?.[1] ?? 0) < low)));
      }
      const sorted = [...model].sort((a, b) => a - b);
      assert.deepEqual(ranges.take(5), sorted.slice(0, 5));
      assert.deepEqual(ranges.take(100), sorted.slice(5));
    }),
  );
});
