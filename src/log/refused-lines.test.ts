import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../std/bytes.ts';
import { conflictBody, parseConflictBody } from './conflict.ts';
import { parseLogText, type RefusedRange } from './log-text.ts';
import { inOrder, joinedLines, linesBelow, unnamed, withRefused } from './refused-lines.ts';

const range = fc.record({ region: fc.constantFrom('a', 'b', 'c'), first: fc.nat(80), length: fc.nat(3) });

function linesOf(ranges: readonly { readonly region: string; readonly first: number; readonly length: number }[]): readonly RefusedRange[] {
  return ranges.reduce<readonly RefusedRange[]>((lines, { region, first, length }) => withRefused(lines, { region, first, last: first + length }), []);
}

function indexesOf(lines: readonly RefusedRange[], region: string): readonly number[] {
  return lines.filter((line) => line.region === region).flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n));
}

test('lines are sorted and disjoint, name exactly what was added, and joined they name all of it with no more than they may', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), fc.integer({ min: 3, max: 9 }), (ranges, max) => {
      const lines = linesOf(ranges);
      const joined = joinedLines(lines, max);
      for (const some of [lines, joined])
        assert.ok(
          some.every(
            (line, n) => n === 0 || (inOrder(some[n - 1] ?? line, line) < 0 && (some[n - 1]?.region !== line.region || (some[n - 1]?.last ?? 0) < line.first)),
          ),
        );
      assert.ok(joined.length <= Math.max(max, 3) && joined.length === Math.min(lines.length, max));
      for (const region of ['a', 'b', 'c']) {
        const named = new Set(
          ranges.filter((each) => each.region === region).flatMap(({ first, length }) => Array.from({ length: length + 1 }, (_, n) => first + n)),
        );
        assert.deepEqual(
          indexesOf(lines, region),
          [...named].sort((a, b) => a - b),
        );
        assert.ok([...named].every((index) => indexesOf(joined, region).includes(index)));
      }
    }),
  );
});

test('the nearest ranges of one region are joined, over the lines of all regions, and never two of different ones', () => {
  const lines = linesOf([
    { region: 'a', first: 0, length: 0 },
    { region: 'a', first: 10, length: 0 },
    { region: 'b', first: 11, length: 0 },
    { region: 'b', first: 14, length: 0 },
    { region: 'b', first: 30, length: 0 },
  ]);
  assert.deepEqual(joinedLines(lines, 4), [
    { region: 'a', first: 0, last: 0 },
    { region: 'a', first: 10, last: 10 },
    { region: 'b', first: 11, last: 14 },
    { region: 'b', first: 30, last: 30 },
  ]);
  assert.deepEqual(joinedLines(lines, 1), [
    { region: 'a', first: 0, last: 10 },
    { region: 'b', first: 11, last: 30 },
  ]);
});

test('where lines are too many, all between which nobody is needed any more are joined at once, and the nearest of the rest only if that is not enough', () => {
  const lines = linesOf([0, 10, 20, 23, 26].map((first) => ({ region: 'a', first, length: 0 })));
  const isSettled = ({ last }: RefusedRange): boolean => last < 20;
  assert.deepEqual(joinedLines(lines, 5, isSettled), lines);
  assert.deepEqual(joinedLines(lines, 4, isSettled), [
    { region: 'a', first: 0, last: 20 },
    { region: 'a', first: 23, last: 23 },
    { region: 'a', first: 26, last: 26 },
  ]);
  assert.deepEqual(joinedLines(lines, 2, isSettled), [
    { region: 'a', first: 0, last: 23 },
    { region: 'a', first: 26, last: 26 },
  ]);
});

test('what a mirror refuses and a text does not name is told exactly, also where lines were joined or cut', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60), { maxLength: 25 }), fc.array(range, { maxLength: 12 }), fc.nat(70), (some, ranges, size) => {
      const refused = some.toSorted((a, b) => a - b);
      const named = linesOf(ranges);
      const told = unnamed(refused, { region: 'a', size, named, countMax: 1_000 });
      const expected = refused.filter((index) => index < size && !indexesOf(named, 'a').includes(index));
      assert.deepEqual(
        told.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n)),
        expected,
      );
      assert.ok(told.every(({ first }, n) => n === 0 || (told[n - 1]?.last ?? 0) + 1 < first));
      assert.deepEqual(unnamed(refused, { region: 'a', size, named, countMax: 2 }), told.slice(0, 2));
    }),
  );
});

test('a text says of a line what it has entries of', () => {
  const lines = linesOf([
    { region: 'a', first: 2, length: 3 },
    { region: 'b', first: 9, length: 0 },
  ]);
  assert.equal(linesBelow(lines, 10), lines);
  assert.deepEqual(linesBelow(lines, 4), [{ region: 'a', first: 2, last: 3 }]);
  assert.deepEqual(linesBelow(lines, 2), []);
});

test('regions stand in byte order, not in that of UTF-16', () => {
  const [beyond, before] = ['\u{10000}', '\uffee'];
  const text = (first: string, second: string): string =>
    `d/x/log/1/refused\n3\n${Buffer.alloc(32).toString('base64')}\nrefused ${first} 0-0\nrefused ${second} 1-1\n`;
  assert.equal(parseLogText(text(before, beyond)).refused.length, 2);
  assert.throws(() => parseLogText(text(beyond, before)), { code: 'INVALID_EVIDENCE' });
  assert.deepEqual(
    linesOf([
      { region: beyond, first: 0, length: 0 },
      { region: before, first: 1, length: 0 },
    ]).map(({ region }) => region),
    [before, beyond],
  );
});

test('evidence of a conflict is two places: lp16 origin line, u64 index', () => {
  const evidence = { refused: { origin: 'd/west/log/1', index: 7 }, first: { origin: 'd/east/log/1', index: 2 ** 40 } };
  const body = conflictBody(evidence);
  assert.equal(toHex(body), '000c642f776573742f6c6f672f310000000000000007000c642f656173742f6c6f672f310000010000000000');
  assert.deepEqual(parseConflictBody(body), evidence);
  assert.deepEqual(parseConflictBody(conflictBody({ ...evidence, first: { origin: '', index: 0 } }))?.first, { origin: '', index: 0 });
  for (let length = 0; length < body.length; length += 1) assert.equal(parseConflictBody(body.subarray(0, length)), undefined);
  assert.equal(parseConflictBody(Buffer.concat([body, Buffer.alloc(1)])), undefined);
});
