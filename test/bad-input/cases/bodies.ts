import type { Random } from '../../../sim/random.ts';
import { type BodyCase, goodReceipt, objectText, receiptWith } from './case.ts';

const FIELDS: readonly string[] = Object.keys(goodReceipt(''));
const GOOD = objectText(Object.entries(goodReceipt('bad-input')));

function text(category: string, name: string, body: string): BodyCase {
  return { category, name, body: Buffer.from(body) };
}

/** JSON that ends too early, at every byte, and JSON that goes on after its end. */
function* syntax(): Generator<BodyCase> {
  for (let end = 0; end < GOOD.length; end += 1) yield text('cut', `cut at byte ${end}`, GOOD.slice(0, end));
  const pretty = JSON.stringify(JSON.parse(GOOD), null, 2);
  for (let end = 1; end < pretty.length; end += 1) yield text('cut', `pretty, cut at byte ${end}`, pretty.slice(0, end));
  for (const after of ['x', '{}', ',', ']', '}', '\0', '//', GOOD]) yield text('syntax', `followed by ${after.slice(0, 5)}`, GOOD + after);
  for (const bad of [
    "{'receipt_id':'x'}",
    '{receipt_id:"x"}',
    '{"a":1,}',
    '[1,]',
    '/* */{}',
    '{"a":undefined}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":0x10}',
    '{"a":01}',
    '{"a":"\t"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12"}',
    '{"a" 1}',
    '{"a"::1}',
    '{,}',
    '[',
    '{"a":tru}',
    '"',
    '\u00a0{}',
    '{"a":\u2028"x"}',
  ])
    yield text('syntax', bad, bad);
}

/** One byte flipped, taken out, put in: only those that JSON.parse refuses, so that each must be refused. */
function* mutations(random: Random, count: number): Generator<BodyCase> {
  let made = 0;
  while (made < count) {
    const at = random.below(GOOD.length);
    const byte = random.below(256);
    const bytes = Buffer.from(GOOD);
    const kind = random.below(3);
    const changed =
      kind === 0
        ? Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + 1)])
        : kind === 1
          ? Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
          : Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)]);
    if (isJson(changed)) continue;
    made += 1;
    yield { category: 'mutation', name: `${['flip', 'delete', 'insert'][kind]} ${byte} at ${at}`, body: changed };
  }
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    // Not UTF-8 or not JSON by the reference.
    return false;
  }
}

function* structure(): Generator<BodyCase> {
  for (const value of ['null', 'true', '7', '"text"', '""', '{}', '-0', '1e400']) yield text('structure', `the whole is ${value}`, value);
  for (const field of FIELDS) {
    yield text('structure', `${field} is missing`, objectText(Object.entries(goodReceipt('bad-input')).filter(([key]) => key !== field)));
    for (const value of ['null', '{}', '[]', '[[]]', '{"a":1}']) yield text('structure', `${field} is ${value}`, receiptWith(field, value));
  }
  for (const [field, values] of Object.entries({
    receipt_id: ['7', 'true', '1.5'],
    transaction_id: ['7', 'false', '[1]'],
    hash: ['7', 'true'],
    ticks: ['"4"', 'true', '" 4"'],
    span_id: ['true', '""', '" 1"', '"1 "', '"-1"', '"1.0"', '"0x"', '"abc"', '"1e3"', '"+1"', '"0xg"', '"0x11111111111111111"'],
    committed: ['0', '1', '"true"', '"false"', '""'],
  }))
    for (const value of values) yield text('types', `${field} is ${value}`, receiptWith(field, value));
  yield text('structure', 'an empty array', '[]');
  for (const value of ['[null]', '[[]]', '[{}]', '[1,2]', `[[${GOOD}]]`]) yield text('structure', value.slice(0, 20), value);
}

function* numbers(): Generator<BodyCase> {
  const around = (n: bigint): readonly string[] => [-1n, 0n, 1n].map((d) => String(n + d));
  const beyondU32 = [...around(2n ** 53n), ...around(2n ** 64n), '4294967296', '4294967297', '99999999999999999999999'];
  const shapes = ['-1', '-0', '1.0', '1.5', '1e3', '1E3', '4e0', '-4294967295', '0.0', '1e-3', '1e309', '-1e309'];
  for (const value of [...beyondU32, ...shapes]) yield text('numbers', `ticks ${value}`, receiptWith('ticks', value));
  for (const value of [...around(2n ** 64n).slice(1), '18446744073709551617', '184467440737095516160', '99999999999999999999', ...shapes]) {
    yield text('numbers', `span_id ${value}`, receiptWith('span_id', value));
  }
  for (const value of ['18446744073709551616', '99999999999999999999', '-1', '1.0', '1e3', '0x10000000000000000'])
    yield text('numbers', `span_id "${value}"`, receiptWith('span_id', `"${value}"`));
  yield text('numbers', 'a number of 60,000 digits', receiptWith('span_id', '9'.repeat(60_000)));
}

function* hashes(): Generator<BodyCase> {
  for (const value of [
    '""',
    '"0"',
    '"0x"',
    '"0x0"',
    '"xyz1"',
    '"00 ff"',
    '"00-f"',
    '"\\u0030"',
    '"０１"',
    `"${'00'.repeat(513)}"`,
    `"0x${'00'.repeat(513)}"`,
    '[]',
    '[256]',
    '[-1]',
    '[1.0]',
    '[1e1]',
    '["1"]',
    '[null]',
    '[[1]]',
    '[01]',
    `[${'1,'.repeat(512)}1]`,
    '{"0":1}',
  ])
    yield text('hashes', value.slice(0, 30), receiptWith('hash', value));
}

function* ids(): Generator<BodyCase> {
  const bad: readonly string[] = [
    '"\\ud800"',
    '"\\udc00x"',
    '"a\\u0000b"',
    '"a\\nb"',
    '"\\u007f"',
    '"\\u001b[31m"',
    `"${'x'.repeat(257)}"`,
    `"${'é'.repeat(129)}"`,
    `"${'😀'.repeat(65)}"`,
    '"\\ud83d"',
  ];
  for (const value of bad) {
    yield text('ids', `receipt_id ${value.slice(0, 20)}`, receiptWith('receipt_id', value));
    yield text('ids', `transaction_id ${value.slice(0, 20)}`, receiptWith('transaction_id', value));
  }
  yield text('ids', 'receipt_id empty', receiptWith('receipt_id', '""'));
}

function* duplicates(): Generator<BodyCase> {
  for (const field of FIELDS) {
    const [same = '', other = ''] = [goodReceipt('bad-input')[field], field === 'committed' ? 'false' : goodReceipt('other')[field]];
    for (const [name, value] of [
      ['the same', same],
      ['another', other],
      ['null', 'null'],
    ] as const)
      yield text('duplicate keys', `${field} twice: ${name}`, `${GOOD.slice(0, -1)},"${field}":${value}}`);
    const escaped = `\\u${field.charCodeAt(0).toString(16).padStart(4, '0')}${field.slice(1)}`;
    yield text('duplicate keys', `${field} in another spelling`, `${GOOD.slice(0, -1)},"${escaped}":${same}}`);
  }
  for (const key of ['x', '__proto__', 'constructor', '']) yield text('duplicate keys', `${key} twice`, `${GOOD.slice(0, -1)},"${key}":1,"${key}":2}`);
  yield text('duplicate keys', 'inside an unknown member', `${GOOD.slice(0, -1)},"x":{"a":1,"a":2}}`);
}

function* sizes(): Generator<BodyCase> {
  for (const depth of [9, 100, 10_000, 30_000]) {
    yield text('depth', `arrays ${depth} deep`, '['.repeat(depth) + ']'.repeat(depth));
    yield text('depth', `a member ${depth} deep`, `${GOOD.slice(0, -1)},"x":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`);
    yield text('depth', `${depth} opened, none closed`, '{"a":'.repeat(depth));
  }
  yield text('size', 'a receipt of 64 KiB and one byte', `${GOOD.slice(0, -1)},"x":"${'y'.repeat(65_536 - GOOD.length - 6)}"}`.padEnd(65_537));
  yield text('size', '8,193 items', `[${Array.from({ length: 8_193 }, () => '{}').join(',')}]`);
  yield text('size', 'an array of 4 MiB and one byte', `[${' '.repeat(4_194_304)}]`);
  yield text('size', 'spaces only', ' '.repeat(1_000));
}

function* encodings(): Generator<BodyCase> {
  const at = GOOD.indexOf('tx-1');
  const replaced = (bytes: readonly number[]): Buffer => Buffer.concat([Buffer.from(GOOD.slice(0, at)), Buffer.from(bytes), Buffer.from(GOOD.slice(at))]);
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80], [0xfe, 0xff]]) {
    yield { category: 'encoding', name: `bytes ${bytes.map((byte) => byte.toString(16)).join(' ')}`, body: replaced(bytes) };
  }
  yield { category: 'encoding', name: 'UTF-16', body: Buffer.from(GOOD, 'utf16le') };
  yield { category: 'encoding', name: 'a byte order mark', body: Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from(GOOD)]) };
  yield { category: 'encoding', name: 'a zstd bomb of 6 kB', body: Buffer.concat([Buffer.of(0x28, 0xb5, 0x2f, 0xfd), Buffer.alloc(6_000, 0xaa)]) };
  yield { category: 'encoding', name: 'binary', body: Buffer.from(Array.from({ length: 512 }, (_, n) => (n * 37) % 256)) };
}

/** All bad bodies; `random` and `mutationCount` make the mutations. */
export function* badBodies(random: Random, mutationCount: number): Generator<BodyCase> {
  yield* syntax();
  yield* mutations(random, mutationCount);
  yield* structure();
  yield* numbers();
  yield* hashes();
  yield* ids();
  yield* duplicates();
  yield* sizes();
  yield* encodings();
}
