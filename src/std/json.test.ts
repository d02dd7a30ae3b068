import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JSON_DEPTH_MAX, JsonNumber, JsonSyntaxError, type JsonValue, parseJson } from './json.ts';

function plain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.source);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

test('what JSON.stringify writes is read as it was', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 3, noUnicodeString: false }), (text) => {
      const isWellFormed = JSON.stringify(JSON.parse(text)).isWellFormed() && !/\\ud[89a-f]/i.test(JSON.stringify(JSON.parse(text)));
      fc.pre(isWellFormed && !text.includes('__proto__'));
      assert.deepEqual(plain(parseJson(text)), JSON.parse(text));
    }),
  );
});

test('what is not JSON by RFC 8259, or not as we take it, is refused', () => {
  const refused = [
    '',
    ' ',
    '{',
    '[1,]',
    '{"a":1,}',
    '01',
    '1.',
    '.5',
    '+1',
    '1e',
    'NaN',
    "'a'",
    '"\u0001"',
    '"\\x"',
    '"\\u12g4"',
    'tru',
    'nulll',
    '1 2',
    '{"a":1,"a":2}',
    '"\\ud800"',
    '{a:1}',
    '[1 2]',
    '\ufeff1',
    '"open',
  ];
  for (const text of refused) assert.throws(() => parseJson(text), JsonSyntaxError, JSON.stringify(text));
});

test('nesting has a bound', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  parseJson(nested(JSON_DEPTH_MAX));
  assert.throws(() => parseJson(nested(JSON_DEPTH_MAX + 1)), JsonSyntaxError);
  assert.throws(() => parseJson(nested(100_000)), JsonSyntaxError);
});

test('a key can reach no prototype, and a number keeps its digits', () => {
  const value = parseJson('{"__proto__":{"polluted":1},"n":18446744073709551615}');
  assert.ok(value instanceof Map);
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
  const n = value.get('n');
  assert.equal(n instanceof JsonNumber ? n.source : '', '18446744073709551615');
});
